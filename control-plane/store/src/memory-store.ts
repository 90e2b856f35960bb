import type { Cancel, Clock } from "@tsukube/foundation";
import {
  type Expectation,
  type Mutation,
  type Range,
  type RangeOptions,
  type Store,
  type StoredRecord,
  StoreError,
  type StoreEvent,
} from "./store.ts";
import { Tree } from "./tree.ts";
import { Watchers } from "./watchers.ts";

const NO_INDEX = new Uint8Array(0);

export interface MemoryStoreOptions {
  readonly clock: Clock;
  /** Revisions kept for reading and watching back; 10,000 by default. */
  readonly history?: number;
}

interface Version {
  readonly revision: number;
  readonly root: Tree<StoredRecord>;
  /** What led here from the version before. */
  readonly events: readonly StoreEvent[];
}

/** Keeps everything in memory: for tests, and as the ground of forks. What it holds ends with the process. */
export class MemoryStore implements Store {
  readonly isShared: boolean = false;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #watchers: Watchers;
  #expiries = Tree.empty<number>();
  #versions: Version[];
  #expiryTimer: Cancel | undefined;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock;
    this.#watchers = new Watchers(options.clock);
    this.#limit = options.history ?? 10_000;
    this.#versions = [{ revision: 0, root: Tree.empty(), events: [] }];
  }

  /** A store of its own that begins with what this one holds now, in constant time: both share the tree, neither sees the other's writes. */
  fork(): MemoryStore {
    const fork = new MemoryStore({ clock: this.#clock, history: this.#limit });
    fork.#versions = [{ ...this.#head, events: [] }];
    fork.#expiries = this.#expiries;
    fork.#scheduleExpiry();
    return fork;
  }

  get revision(): number {
    return this.#head.revision;
  }

  get compactedRevision(): number {
    return this.#versions[0]!.revision;
  }

  async get(key: string, options: { readonly revision?: number } = {}): Promise<StoredRecord | undefined> {
    return this.#at(options.revision).root.get(key);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    const { revision, root } = this.#at(options.revision);
    const limit = options.limit ?? 0;
    const records: StoredRecord[] = [];
    for (const [, record] of root.range(prefix, options.start)) {
      records.push(record);
      if (records.length === limit) break;
    }
    return { records, revision, remaining: root.count(prefix, options.start) - records.length };
  }

  async latest(): Promise<number> {
    return this.revision;
  }

  async commit(mutations: readonly Mutation[]): Promise<number> {
    if (this.#closed) throw new StoreError("closed", "Cannot write: the store is closed, expected an open one");
    expectDistinct(mutations);
    const head = this.#head;
    const revision = head.revision + 1;
    let root = head.root;
    const events: StoreEvent[] = [];
    for (const mutation of mutations) {
      const previous = root.get(mutation.key);
      expectRecord(mutation.key, mutation.expected, previous);
      const event = eventOf(mutation, previous, revision);
      if (event === undefined) continue;
      root = event.type === "put" ? root.set(mutation.key, event.record) : root.delete(mutation.key);
      events.push(event);
    }
    if (events.length === 0) return head.revision;
    for (const mutation of mutations) this.#noteExpiry(mutation);
    this.#versions.push({ revision, root, events });
    // cut in bulk: shifting an array at every write would cost its length each time
    if (this.#versions.length > this.#limit * 1.25 + 1) this.#versions = this.#versions.slice(-this.#limit - 1);
    this.#watchers.publish(events, revision);
    return revision;
  }

  watch(prefix: string, revision: number, signal: AbortSignal): AsyncIterable<StoreEvent> {
    const from = revision === 0 ? this.compactedRevision : revision;
    if (from < this.compactedRevision) throw compacted(from, this.compactedRevision);
    const replay = this.#versions
      .slice(this.#indexAfter(from))
      .flatMap((version): StoreEvent[] => [...version.events, { type: "progress", revision: version.revision }]);
    return this.#watchers.watch(prefix, replay, signal);
  }

  async compact(revision: number): Promise<void> {
    const keep = this.#indexAfter(Math.min(revision, this.revision)) - 1;
    if (keep > 0) this.#versions = this.#versions.slice(keep);
  }

  async copy(): Promise<undefined> {}

  async size(): Promise<undefined> {}

  async close(): Promise<void> {
    this.#closed = true;
    this.#expiryTimer?.();
    this.#watchers.close();
  }

  get #head(): Version {
    return this.#versions.at(-1)!;
  }

  #at(revision: number | undefined): Version {
    if (revision === undefined || revision === 0) return this.#head;
    if (revision < this.compactedRevision) throw compacted(revision, this.compactedRevision);
    if (revision > this.revision) throw future(revision, this.revision);
    return this.#versions[this.#indexAfter(revision) - 1]!;
  }

  /** Index of the first version newer than `revision`. */
  #indexAfter(revision: number): number {
    let low = 0;
    let high = this.#versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#versions[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #noteExpiry(mutation: Mutation): void {
    if (mutation.type === "put" && mutation.expiresAt !== undefined)
      this.#expiries = this.#expiries.set(mutation.key, mutation.expiresAt);
    else this.#expiries = this.#expiries.delete(mutation.key);
    this.#scheduleExpiry();
  }

  #scheduleExpiry(): void {
    if (this.#expiryTimer !== undefined || this.#expiries.size === 0) return;
    this.#expiryTimer = this.#clock.after(EXPIRY_CHECK_MS, () => this.#expire(), { background: true });
  }

  #expire(): void {
    this.#expiryTimer = undefined;
    if (this.#closed) return;
    const due = dueKeys(this.#expiries.range(""), this.#clock.now());
    if (due.length > 0) void this.commit(due.map((key) => ({ type: "delete", key, expected: "any" })));
    this.#scheduleExpiry();
  }
}

/** How late an expired key may go. */
export const EXPIRY_CHECK_MS = 5000;

export function dueKeys(expiries: Iterable<readonly [string, number]>, now: number): readonly string[] {
  return [...expiries].filter(([, at]) => at <= now).map(([key]) => key);
}

/** What a mutation does, given what it finds; undefined: deleting what is not there. */
function eventOf(
  mutation: Mutation,
  previous: StoredRecord | undefined,
  revision: number,
): Exclude<StoreEvent, { type: "progress" }> | undefined {
  const { key } = mutation;
  if (mutation.type === "put") return { type: "put", record: recordOf(mutation, previous, revision), previous };
  return previous === undefined ? undefined : { type: "delete", key, revision, previous };
}

/** What a put makes of what it finds. */
export function recordOf(
  { key, value, index = NO_INDEX }: Extract<Mutation, { type: "put" }>,
  previous: StoredRecord | undefined,
  revision: number,
): StoredRecord {
  return { key, value, index, revision, createRevision: previous?.createRevision ?? revision };
}

/** @throws {StoreError} `conflict` when the record is not as the write expects. */
export function expectRecord(key: string, expected: Expectation, found: StoredRecord | undefined): void {
  if (expected === "any" || (expected === "absent" ? found === undefined : found?.revision === expected)) return;
  const wanted = expected === "absent" ? "none" : `revision ${expected}`;
  const state = found === undefined ? "absent" : `at revision ${found.revision}`;
  throw new StoreError("conflict", `Cannot write "${key}": ${state}, expected ${wanted}`, { key, current: found });
}

/** @throws {StoreError} `failed` when a transaction names a key twice: it would have two states at one revision. */
export function expectDistinct(mutations: readonly Mutation[]): void {
  if (mutations.length < 2) return;
  const seen = new Set<string>();
  for (const { key } of mutations) {
    if (seen.has(key))
      throw new StoreError("failed", `Cannot write "${key}": named twice, expected once a transaction`);
    seen.add(key);
  }
}

export function compacted(revision: number, oldest: number): StoreError {
  return new StoreError(
    "compacted",
    `Cannot read revision ${revision}: compacted, expected ${oldest} or newer; list, then watch again`,
  );
}

export function future(revision: number, newest: number): StoreError {
  return new StoreError("future", `Cannot read revision ${revision}: not written yet, expected at most ${newest}`);
}
