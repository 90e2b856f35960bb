import { statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { type Cancel, type Clock, messageOf } from "@tsukube/foundation";
import type { RootDatabase } from "lmdb";
import { GroupCommit } from "./group-commit.ts";
import { copyOf, openFile, pagesOf, putAll } from "./lmdb-file.ts";
import {
  damaged,
  type Entry,
  encodeLife,
  encodeMeta,
  encodeVersion,
  FORMAT,
  MAX_KEY_BYTES,
  META_KEY,
  type Meta,
  sumOf,
  type Version,
} from "./lmdb-format.ts";
import { LmdbHistory } from "./lmdb-history.ts";
import { DEFAULT_READER } from "./lmdb-load.ts";
import { loadCurrent } from "./lmdb-migration.ts";
import { orUnusable, preparePlace } from "./lmdb-place.ts";
import { expectRoom, noRoom } from "./lmdb-room.ts";
import { removeLeft, streamOf } from "./lmdb-stream.ts";
import { compacted, dueKeys, EXPIRY_CHECK_MS, expectDistinct, expectRecord, future, recordOf } from "./memory-store.ts";
import { ScratchMemory } from "./scratch-memory.ts";
import {
  type Mutation,
  type OpenStore,
  type Range,
  type RangeOptions,
  type Store,
  type StoredRecord,
  StoreError,
  type StoreEvent,
} from "./store.ts";
import { type Tree, TreeBuilder } from "./tree.ts";
import { Watchers } from "./watchers.ts";

export interface LmdbStoreOptions {
  /** The file; its folder is made. LMDB puts a lock file beside it. */
  readonly path: string;
  readonly clock: Clock;
  /** The program of the reader's thread; see {@link DEFAULT_READER}. */
  readonly reader?: URL;
  /** How long old revisions are kept; an hour by default. */
  readonly historyMs?: number;
  /** Bytes of written values after which history is cut earlier; 256 MB by default. */
  readonly historyBytes?: number;
  /** Whether something was stored there before: an empty file is damaged then, and not a new one. */
  readonly hasWritten?: boolean;
  /** Hears of damage that is met while the store is open; whoever met it is refused. Opening it anew tells all that is to be told. */
  readonly onDamage?: (error: StoreError) => void;
}

/** What a commit puts into the file. */
interface Changes {
  /** Versions, and what is known of their keys. */
  readonly entries: readonly Entry[];
  /** How many more entries there are then, and the XOR of their checksums and of those that they replace. */
  readonly count: number;
  readonly sum: number;
}

const NO_CHANGES: Changes = { entries: [], count: 0, sum: 0 };

/** A commit on its way to the disk. */
interface Write {
  readonly revision: number;
  readonly root: Tree<StoredRecord>;
  readonly events: readonly Change[];
  readonly changes: Changes;
  readonly mutations: readonly Mutation[];
  readonly done: PromiseWithResolvers<number>;
}

type Change = Exclude<StoreEvent, { type: "progress" }>;

const COMPACT_EVERY_MS = 60_000;
/** Bytes that nothing uses, from which a copy without them is worth its time. */
const WORTH_COPYING = 64 * 1024 * 1024;
/** Revisions forgotten in one transaction, so that compaction does not hold up writes. */
const COMPACT_STEP = 500;

/** A store in one LMDB file. Only one process may have it open. @throws {StoreError} `damaged`, `unusable`. */
export function lmdbStore(options: LmdbStoreOptions): OpenStore {
  return async (visit) => {
    preparePlace(options.path, options.hasWritten ?? false);
    removeLeft(options.path);
    const { meta, records, expiries } = await loadCurrent(options.path, options.reader ?? DEFAULT_READER);
    const tree = new TreeBuilder<StoredRecord>();
    for (const record of records) {
      tree.add(record.key, record);
      visit(record);
    }
    const root = tree.build();
    return orUnusable(options.path, () => new LmdbStore(options, meta, root, expiries));
  };
}

class LmdbStore implements Store {
  readonly isShared = false;
  #db: RootDatabase<Buffer, Buffer>;
  #history: LmdbHistory;
  readonly #clock: Clock;
  readonly #options: LmdbStoreOptions;
  readonly #watchers: Watchers;
  readonly #expiries: Map<string, number>;
  readonly #timers: readonly Cancel[];
  /** What is durable. */
  #meta: Meta;
  #root: Tree<StoredRecord>;
  /** What will be once all writes on their way have landed: the ground that the next write is checked against. */
  #tip: { readonly revision: number; readonly root: Tree<StoredRecord> };
  /** The newest write on its way, or the newest durable revision. */
  #last: Promise<number>;
  readonly #commits: GroupCommit<Write, Meta>;
  #compacted: number;
  /** Of the entries that wait, and of those that are on their way. */
  #memory = new ScratchMemory();
  #memoryUnderWay = new ScratchMemory();
  readonly #allocate = (length: number): Buffer => this.#memory.allocate(length);
  #bytesSinceCompaction = 0;
  #closed = false;
  #copying: PromiseWithResolvers<void> | undefined;
  /** Copies that are being made for others: they hold the file open. */
  readonly #leaving = new Set<Promise<unknown>>();

  constructor(options: LmdbStoreOptions, meta: Meta, root: Tree<StoredRecord>, expiries: Map<string, number>) {
    this.#options = options;
    this.#clock = options.clock;
    this.#watchers = new Watchers(options.clock);
    this.#meta = meta;
    this.#root = root;
    this.#commits = new GroupCommit<Write, Meta>({
      clock: options.clock,
      write: (batch) => this.#write(batch),
      landed: (batch, written) => this.#adopt(batch, written),
      failed: (writes, error) => this.#fail(writes, error as StoreError),
    });
    this.#tip = { revision: meta.revision, root };
    this.#last = Promise.resolve(meta.revision);
    this.#compacted = meta.compacted;
    this.#expiries = expiries;
    this.#db = openFile(options.path);
    this.#history = new LmdbHistory(this.#db, options.path, options.onDamage);
    this.#timers = [
      this.#clock.every(EXPIRY_CHECK_MS, () => this.#expire(), { background: true }),
      this.#clock.every(COMPACT_EVERY_MS, () => this.#compactByAge(), { background: true }),
    ];
  }

  get revision(): number {
    return this.#meta.revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  async get(key: string, options: { readonly revision?: number } = {}): Promise<StoredRecord | undefined> {
    return this.#isNow(options.revision) ? this.#root.get(key) : this.#history.get(key, options.revision!);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    const now = this.#isNow(options.revision);
    const revision = now ? this.revision : options.revision!;
    const records: StoredRecord[] = [];
    const limit = options.limit ?? 0;
    let remaining = 0;
    const source = now ? this.#root.range(prefix, options.start) : this.#history.range(prefix, options.start, revision);
    for (const [, record] of source) {
      if (limit > 0 && records.length === limit) {
        if (now) break;
        remaining += 1;
      } else records.push(record);
    }
    if (now) remaining = this.#root.count(prefix, options.start) - records.length;
    return { records, revision, remaining };
  }

  async latest(): Promise<number> {
    return this.revision;
  }

  commit(mutations: readonly Mutation[]): Promise<number> {
    if (this.#closed) return Promise.reject(closed());
    let write: Write | undefined;
    try {
      write = this.#prepare(mutations);
    } catch (conflict) {
      // it may have met a write that is not durable yet: nobody hears of that one before it is, or at all if it fails
      return this.#last.then(() => {
        throw conflict;
      });
    }
    if (write === undefined) return this.#last;
    this.#enqueue(write);
    return write.done.promise;
  }

  watch(prefix: string, revision: number, signal: AbortSignal): AsyncIterable<StoreEvent> {
    const from = revision === 0 ? this.#compacted : revision;
    if (from < this.#compacted) throw compacted(from, this.#compacted);
    return this.#watchers.watch(prefix, [...this.#history.since(from, this.revision)], signal);
  }

  async compact(revision: number): Promise<void> {
    this.#compacted = Math.max(this.#compacted, Math.min(revision, this.revision));
    this.#bytesSinceCompaction = 0;
    while (this.#nextCompaction() > this.#meta.compacted) {
      if (this.#closed) throw closed();
      const write = {
        ...this.#tip,
        events: [],
        changes: NO_CHANGES,
        mutations: [],
        done: Promise.withResolvers<number>(),
      };
      this.#enqueue(write);
      await write.done.promise;
    }
  }

  async copy(): Promise<AsyncIterable<Uint8Array>> {
    if (this.#closed) throw closed();
    const copy = streamOf(this.#db, this.#options.path);
    this.#leaving.add(copy);
    try {
      return await copy;
    } catch (cause) {
      throw await writeError(this.#options.path, cause);
    } finally {
      this.#leaving.delete(copy);
    }
  }

  async size(): Promise<number> {
    return statSync(this.#options.path).size;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
    await this.#last.catch(() => {});
    await this.#copying?.promise.catch(() => {});
    await Promise.allSettled(this.#leaving);
    this.#watchers.close();
    await this.#db.close();
  }

  #isNow(revision: number | undefined): boolean {
    if (revision === undefined || revision === 0 || revision === this.revision) return true;
    if (revision < this.#compacted) throw compacted(revision, this.#compacted);
    if (revision > this.revision) throw future(revision, this.revision);
    return false;
  }

  #prepare(mutations: readonly Mutation[]): Write | undefined {
    expectDistinct(mutations);
    const revision = this.#tip.revision + 1;
    let { root } = this.#tip;
    const events: Change[] = [];
    for (const mutation of mutations) {
      checkKey(mutation.key);
      root =
        mutation.type === "put"
          ? putInto(root, mutation, revision, events)
          : deleteFrom(root, mutation, revision, events);
    }
    if (events.length === 0) return undefined;
    // now, while another batch may be on its way, and not when the disk waits for this one
    const changes = changesOf(events, revision, this.#clock.now(), expiriesOf(mutations), this.#allocate);
    return { revision, root, events, changes, mutations, done: Promise.withResolvers<number>() };
  }

  /**
   * Gives pages that nothing uses back to the file system: the file is copied without them, and the copy takes its place. Reads go on meanwhile,
   * writes wait. By itself where more than half of a large file is unused.
   */
  defragment(): Promise<void> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#copying === undefined) {
      this.#copying = Promise.withResolvers<void>();
      this.#commits.alone(() => this.#copy());
    }
    return this.#copying.promise;
  }

  #enqueue(write: Write): void {
    this.#tip = write;
    this.#last = write.done.promise;
    this.#commits.add(write, patienceOf(write.mutations));
  }

  async #copy(): Promise<void> {
    const copying = this.#copying!;
    try {
      const { db, unsure } = await copyOf(this.#db, this.#options.path, this.#meta.count + 1);
      const before = this.#db;
      this.#db = db;
      this.#history = new LmdbHistory(db, this.#options.path, this.#options.onDamage);
      await Promise.allSettled(this.#leaving);
      await before.close();
      if (unsure !== undefined) throw unsure;
      copying.resolve();
    } catch (cause) {
      copying.reject(await writeError(this.#options.path, cause));
    }
    this.#copying = undefined;
  }

  /** @throws {StoreError} `read-only`, `failed`. */
  async #write(batch: readonly Write[]): Promise<Meta> {
    try {
      return await this.#writeBatch(batch);
    } catch (cause) {
      const error = await writeError(this.#options.path, cause);
      if (error.code === "damaged" && error !== cause) this.#options.onDamage?.(error);
      throw error;
    }
  }

  async #writeBatch(batch: readonly Write[]): Promise<Meta> {
    const before = this.#meta;
    // what was on its way before has arrived
    [this.#memory, this.#memoryUnderWay] = [this.#memoryUnderWay, this.#memory];
    this.#memory.clear();
    const target = this.#compacted > before.compacted ? this.#nextCompaction() : before.compacted;
    const removed = target > before.compacted ? this.#history.superseded(before.compacted, target) : [];
    let { sum, count } = before;
    for (const { changes } of batch) {
      sum ^= changes.sum;
      count += changes.count;
    }
    for (const entry of removed) sum ^= sumOf(entry);
    count -= removed.length;
    const meta: Meta = { format: FORMAT, revision: batch.at(-1)!.revision, compacted: target, count, sum: sum >>> 0 };
    const entries = [...batch.flatMap(({ changes }) => changes.entries), { key: META_KEY, value: encodeMeta(meta) }];
    expectRoom(this.#options.path, entries, removed.length);
    await putAll(
      this.#db,
      entries,
      removed.map(({ key }) => key),
    );
    return meta;
  }

  /** The revision that the next write compacts to. */
  #nextCompaction(): number {
    return Math.min(this.#meta.compacted + COMPACT_STEP, this.#compacted);
  }

  /** The batch is durable: now it can be read, is watched and acknowledged, in this order. */
  #adopt(batch: readonly Write[], meta: Meta): void {
    this.#meta = meta;
    this.#root = batch.at(-1)!.root;
    for (const write of batch) {
      for (const mutation of write.mutations) {
        if (mutation.type === "put") this.#bytesSinceCompaction += mutation.value.length;
        if (mutation.type === "put" && mutation.expiresAt !== undefined)
          this.#expiries.set(mutation.key, mutation.expiresAt);
        else this.#expiries.delete(mutation.key);
      }
      if (write.events.length > 0) this.#watchers.publish(write.events, write.revision);
      write.done.resolve(write.revision);
    }
    const limit = this.#options.historyBytes ?? 256 * 1024 * 1024;
    if (this.#bytesSinceCompaction > limit) this.#compactTo(this.revision - 1);
  }

  /** What waits was checked against what failed, and goes with it. */
  #fail(writes: readonly Write[], error: StoreError): void {
    this.#tip = { revision: this.revision, root: this.#root };
    this.#last = Promise.resolve(this.revision);
    for (const write of writes) write.done.reject(error);
  }

  #expire(): void {
    // who is writing one anew decides when it ends
    const isLeft = (key: string): boolean => this.#tip.root.get(key) === this.#root.get(key);
    const due = dueKeys(this.#expiries, this.#clock.now()).filter(isLeft);
    // a failed write leaves them due
    if (due.length > 0) this.commit(due.map((key) => ({ type: "delete", key, expected: "any" }))).catch(() => {});
  }

  #compactByAge(): void {
    const oldest = this.#clock.now() - (this.#options.historyMs ?? 60 * 60_000);
    this.#compactTo(this.#history.newestAt(oldest, this.#meta.compacted, this.revision));
    const { used, unused } = pagesOf(this.#db);
    // a copy that failed is tried again in a minute
    if (unused > WORTH_COPYING && unused > used) this.defragment().catch(() => {});
  }

  #compactTo(revision: number): void {
    // what could not be forgotten now is tried again in a minute
    if (revision > this.#meta.compacted) this.compact(revision).catch(() => {});
  }
}

type Put = Extract<Mutation, { type: "put" }>;
type Delete = Extract<Mutation, { type: "delete" }>;

function putInto(root: Tree<StoredRecord>, put: Put, revision: number, events: Change[]): Tree<StoredRecord> {
  return root.replace(put.key, (previous) => {
    expectRecord(put.key, put.expected, previous);
    const record = recordOf(put, previous, revision);
    events.push({ type: "put", record, previous });
    return record;
  });
}

function deleteFrom(
  root: Tree<StoredRecord>,
  { key, expected }: Delete,
  revision: number,
  events: Change[],
): Tree<StoredRecord> {
  const previous = root.get(key);
  expectRecord(key, expected, previous);
  if (previous === undefined) return root;
  events.push({ type: "delete", key, revision, previous });
  return root.delete(key);
}

/** @param expiries By key. @param allocate Gives memory for the entries. */
function changesOf(
  events: readonly Change[],
  revision: number,
  time: number,
  expiries: ReadonlyMap<string, number> | undefined,
  allocate: (length: number) => Buffer,
): Changes {
  const entries: Entry[] = [];
  let [count, sum] = [0, 0];
  for (const [place, event] of events.entries()) {
    const version = versionOf(event, revision, time, place, expiries);
    const { key, createRevision, previous, deleted } = version;
    const own = encodeVersion(version, allocate);
    const life = encodeLife({ key, createRevision, revision, deleted }, allocate);
    entries.push(own, life);
    sum ^= sumOf(own) ^ sumOf(life);
    count += previous > 0 ? 1 : 2;
    // it takes the place of what was known of the key before
    if (previous > 0) sum ^= sumOf(encodeLife({ key, createRevision, revision: previous, deleted: false }, allocate));
  }
  return { entries, count, sum };
}

function versionOf(
  event: Change,
  revision: number,
  time: number,
  place: number,
  expiries: ReadonlyMap<string, number> | undefined,
): Version {
  const isPut = event.type === "put";
  const { key, createRevision, index, value } = isPut ? event.record : { ...event.previous, ...NOTHING };
  const previous = event.previous?.revision ?? 0;
  const expiresAt = expiries?.get(key) ?? 0;
  return { key, revision, deleted: !isPut, createRevision, previous, expiresAt, time, place, index, value };
}

const NOTHING = { index: new Uint8Array(0), value: new Uint8Array(0) };

/** undefined where nothing ends by itself, as mostly. */
function expiriesOf(mutations: readonly Mutation[]): ReadonlyMap<string, number> | undefined {
  let expiries: Map<string, number> | undefined;
  for (const mutation of mutations) {
    if (mutation.type === "put" && mutation.expiresAt !== undefined)
      (expiries ??= new Map()).set(mutation.key, mutation.expiresAt);
  }
  return expiries;
}

function checkKey(key: string): void {
  if (key !== "" && !key.includes("\0") && Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  throw new StoreError(
    "failed",
    `Cannot write "${key.slice(0, 80)}": expected a key of 1 to ${MAX_KEY_BYTES} bytes without NUL`,
  );
}

function closed(): StoreError {
  return new StoreError("closed", "Cannot write: the store is closed, expected an open one");
}

/** LMDB says "Input/output error" when the disk took only a part, so what is free decides. */
const ROOM = 256 * 1024;

/** What LMDB says of pages that are not as it wrote them. */
const DAMAGE = /MDB_(CORRUPTED|PAGE_NOTFOUND|INVALID|PAGE_FULL|CURSOR_FULL)/;

async function writeError(path: string, cause: unknown): Promise<StoreError> {
  if (cause instanceof StoreError) return cause;
  const text = messageOf(await causeOf(cause));
  if (DAMAGE.test(text)) return damaged(path, text, cause);
  const { bavail, bsize } = await statfs(dirname(path)).catch(() => ({ bavail: Number.MAX_SAFE_INTEGER, bsize: 1 }));
  const full = bavail * bsize < ROOM || /No space left|MDB_MAP_FULL|quota/i.test(text);
  return full ? noRoom(path, text, cause) : new StoreError("failed", `Cannot write to "${path}": ${text}`, { cause });
}

/** A failed commit's reason comes as a promise that rejects with it, a moment later. */
async function causeOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<never> };
  if (commitError === undefined) return error;
  return commitError.catch((reason: unknown) => reason);
}

/** How long a transaction may wait for others: as long as the least patient of its changes. */
function patienceOf(mutations: readonly Mutation[]): number {
  return mutations.reduce(
    (least, mutation) => Math.min(least, mutation.type === "put" ? (mutation.patienceMs ?? 0) : 0),
    mutations.length === 0 ? 0 : Infinity,
  );
}
