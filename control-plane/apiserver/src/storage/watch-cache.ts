import { ApiError, type Unstructured } from "@tsukube/api";
import type { Cancel, Clock, Logger } from "@tsukube/foundation";
import { type OpenStore, type Store, type StoredRecord, StoreError, type Tree, TreeBuilder } from "@tsukube/store";
import { CachedObject, type DecodeStored } from "./cached-object.ts";
import type { CacheEvent, CacheVersion, Having, ObjectCache, Subscriber } from "./contract.ts";
import { type Attribute, ObjectIndexes } from "./object-index.ts";
import { Recent } from "./recent.ts";
import { problemOf } from "./stored-form.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Unreadable } from "./unreadable.ts";

export type { CacheEvent, CacheVersion, Subscriber } from "./contract.ts";

export interface CacheDeps {
  readonly decode: DecodeStored;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The content of a cache at a revision. */
export interface CacheSeed {
  readonly revision: number;
  readonly root: Tree<CachedObject>;
}

/** Bytes of superseded bodies that recent versions may keep alive. */
const HISTORY_BYTES = 64 * 1024 * 1024;
const MIN_VERSIONS = 100;

/**
 * The store's content in memory, always at a durable revision: reads never wait for the disk. Recent versions stay for exact
 * lists, continued lists and watches that start in the past; they cost only what was superseded since.
 */
export class WatchCache implements ObjectCache {
  readonly store: Store;
  readonly #decode: DecodeStored;
  readonly #expected = new WeakMap<Uint8Array, Unstructured>();
  readonly #subscriptions = new Subscriptions();
  readonly #waiting: { readonly revision: number; readonly wake: () => void }[] = [];
  readonly #indexes = new ObjectIndexes();
  readonly #recent: Recent;
  readonly #unreadable: Unreadable;
  readonly #stop = new AbortController();
  #versions: CacheVersion[];
  /** Everything up to it is in the newest version. */
  #revision: number;
  #historyBytes = 0;
  readonly #following: Promise<void>;

  private constructor(store: Store, root: Tree<CachedObject>, { decode, clock, logger }: CacheDeps, recent: Recent) {
    this.store = store;
    this.#recent = recent;
    this.#decode = decode;
    this.#unreadable = new Unreadable(store, clock, logger);
    this.#versions = [{ revision: store.revision, root, events: [] }];
    this.#revision = store.revision;
    this.#following = this.#follow();
  }

  /**
   * Opens the store and fills the cache with what it holds.
   * @param seed What another cache holds of the same objects at the same revision: then nothing is read, and it takes no time.
   */
  static async open(openStore: OpenStore, deps: CacheDeps, seed?: CacheSeed): Promise<WatchCache> {
    const objects = new TreeBuilder<CachedObject>();
    const recent = new Recent();
    const decode: DecodeStored = (key, bytes) => {
      const object = deps.decode(key, bytes);
      recent.keep(object, bytes.length);
      return object;
    };
    const store = await openStore((record) => {
      if (seed === undefined) objects.add(record.key, new CachedObject(record, decode));
    });
    if (seed !== undefined && seed.revision !== store.revision)
      throw new Error(`Cannot begin with a cache of revision ${seed.revision}: expected ${store.revision}`);
    return new WatchCache(store, seed?.root ?? objects.build(), { ...deps, decode }, recent);
  }

  /** What it holds, for {@link open} of another: objects are shared, neither sees what the other does. */
  seed(): CacheSeed {
    return { revision: this.#revision, root: this.#head.root };
  }

  get revision(): number {
    return this.#revision;
  }

  get oldestRevision(): number {
    return this.#versions[0]!.revision;
  }

  get(key: string): CachedObject | undefined {
    return this.#head.root.get(key);
  }

  /** The newest state. */
  get head(): Tree<CachedObject> {
    return this.#head.root;
  }

  having(prefix: string, attribute: Attribute, values: readonly string[]): readonly Tree<CachedObject>[] | undefined {
    return this.#indexes.find(this.head, prefix, attribute, values);
  }

  /** The state as of a revision; undefined when it is no longer kept. */
  at(revision: number): CacheVersion | undefined {
    if (revision < this.oldestRevision) return undefined;
    return this.#versions[this.#indexAfter(revision) - 1];
  }

  /** What lay below `prefix` at a revision that the cache no longer keeps but the store does; undefined: neither does. */
  async past(revision: number, prefix: string): Promise<CacheVersion | undefined> {
    try {
      const { records } = await this.store.range(prefix, { revision });
      const objects = new TreeBuilder<CachedObject>();
      for (const record of records) {
        const problem = problemOf(record);
        if (problem !== undefined) throw ApiError.internal(problem);
        objects.add(record.key, new CachedObject(record, this.#decode));
      }
      return { revision, root: objects.build(), events: [] };
    } catch (error) {
      if (error instanceof StoreError && error.code === "compacted") return undefined;
      throw error;
    }
  }

  /** Everything below `prefix` that changed after `revision`; undefined when that is no longer kept. */
  since(revision: number, prefix: string): readonly (readonly [readonly CacheEvent[], number])[] | undefined {
    if (revision < this.oldestRevision) return undefined;
    const out: (readonly [readonly CacheEvent[], number])[] = [];
    for (const version of this.#versions.slice(this.#indexAfter(revision))) {
      const events = version.events.filter((event) => event.key.startsWith(prefix));
      if (events.length > 0) out.push([events, version.revision]);
    }
    return out;
  }

  /** Resolves when the cache is at `revision` or newer. */
  reached(revision: number): Promise<void> {
    if (this.revision >= revision) return Promise.resolve();
    return new Promise((wake) => this.#waiting.push({ revision, wake }));
  }

  /** Resolves when the cache holds everything that was acknowledged, by whatever server, before the call. */
  async current(): Promise<void> {
    if (this.store.isShared) await this.reached(await this.store.latest());
  }

  /** Waits at most `ms` for a revision. @returns whether it was reached. */
  async reachedWithin(revision: number, ms: number, clock: Clock): Promise<boolean> {
    if (this.revision >= revision) return true;
    let cancel = (): void => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = clock.after(ms, resolve, { background: true });
    });
    await Promise.race([this.reached(revision), timeout]);
    cancel();
    return this.revision >= revision;
  }

  /** Bytes that are about to be written, and the object that they are: whoever then sees it need not decode them. */
  expect(value: Uint8Array, object: Unstructured): void {
    this.#expected.set(value, object);
  }

  subscribe(prefix: string, subscriber: Subscriber, having?: Having): Cancel {
    return this.#subscriptions.add(prefix, subscriber, having);
  }

  /**
   * The newest state has what it had before of objects that cannot be read now.
   * @param key Of an object, or a prefix that ends in "/". @throws {ApiError} 500 when there is such an object.
   */
  mustBeReadable(key: string): void {
    this.#unreadable.mustBeReadable(key);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#unreadable.close();
    await this.#following;
    await this.store.close();
  }

  get #head(): CacheVersion {
    return this.#versions.at(-1)!;
  }

  async #follow(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#watch();
      } catch (error) {
        if (!(error instanceof StoreError && error.code === "compacted")) throw error;
        await this.#reload();
      }
    }
  }

  async #watch(): Promise<void> {
    let batch: { key: string; record: StoredRecord | undefined }[] = [];
    for await (const event of this.store.watch("", this.#revision, this.#stop.signal)) {
      if (event.type === "put") {
        const problem = problemOf(event.record);
        if (problem === undefined) batch.push({ key: event.record.key, record: event.record });
        else this.#unreadable.add(event.record.key, problem);
      } else if (event.type === "delete") batch.push({ key: event.key, record: undefined });
      else if (batch.length > 0) {
        this.#apply(event.revision, batch);
        batch = [];
      } else this.#reach(event.revision);
    }
  }

  /** What happened since is forgotten: goes on from the present state. Watches see the difference; older revisions are 410. */
  async #reload(): Promise<void> {
    const { records, revision } = await this.store.range("");
    const before = this.#head.root;
    const objects = new TreeBuilder<CachedObject>();
    const events: CacheEvent[] = [];
    for (const record of records) {
      const previous = before.get(record.key);
      const problem = problemOf(record);
      if (problem !== undefined) {
        this.#unreadable.add(record.key, problem);
        if (previous !== undefined) objects.add(record.key, previous);
        continue;
      }
      this.#unreadable.remove(record.key);
      const isSame = previous?.revision === record.revision;
      const current = isSame ? previous : new CachedObject(record, this.#decode);
      objects.add(record.key, current);
      if (isSame) continue;
      const isAnother = previous !== undefined && previous.createRevision !== current.createRevision;
      if (isAnother) events.push({ revision, key: record.key, current: undefined, previous });
      events.push({ revision, key: record.key, current, previous: isAnother ? undefined : previous });
    }
    const root = objects.build();
    for (const [key, previous] of before.range("")) {
      if (root.get(key) === undefined) events.push({ revision, key, current: undefined, previous });
    }
    this.#versions = [{ revision, root, events: [] }];
    this.#indexes.clear();
    this.#historyBytes = 0;
    this.#revision = revision;
    this.#subscriptions.publish(events, revision);
    this.#wake();
  }

  #apply(
    revision: number,
    changes: readonly { readonly key: string; readonly record: StoredRecord | undefined }[],
  ): void {
    let { root } = this.#head;
    const events: CacheEvent[] = [];
    for (const { key, record } of [...this.#recovered(revision, changes), ...changes]) {
      this.#unreadable.remove(key);
      const previous = root.get(key);
      if (previous === undefined && record === undefined) continue; // none of ours, or never read
      const current = record === undefined ? undefined : this.#cached(record);
      root = current === undefined ? root.delete(key) : root.set(key, current);
      this.#indexes.change(key, previous, current);
      events.push({ revision, key, current, previous });
      this.#historyBytes += previous?.stored.length ?? 0;
    }
    if (events.length > 0) this.#versions.push({ revision, root, events });
    this.#trim();
    this.#revision = revision;
    this.#subscriptions.publish(events, revision);
    this.#wake();
  }

  #recovered(revision: number, changes: readonly { readonly key: string }[]) {
    const late = this.#unreadable.recovered(revision);
    return late
      .filter(({ key }) => !changes.some((change) => change.key === key))
      .map((record) => ({ key: record.key, record }));
  }

  #cached(record: StoredRecord): CachedObject {
    const cached = new CachedObject(record, this.#decode);
    const written = this.#expected.get(record.value);
    if (written === undefined) return cached;
    this.#expected.delete(record.value); // or it would be kept as long as its bytes
    this.#recent.keep(cached.remember(written), record.value.length);
    return cached;
  }

  /** Nothing of ours changed up to `revision`, but what can be read again may join it. */
  #reach(revision: number): void {
    if (revision <= this.#revision) return;
    this.#apply(revision, []);
  }

  #wake(): void {
    const revision = this.#revision;
    for (let i = this.#waiting.length - 1; i >= 0; i -= 1) {
      if (this.#waiting[i]!.revision <= revision) this.#waiting.splice(i, 1)[0]!.wake();
    }
  }

  #trim(): void {
    if (this.#historyBytes <= HISTORY_BYTES * 1.25 || this.#versions.length < 2 * MIN_VERSIONS) return;
    let drop = 0;
    while (this.#historyBytes > HISTORY_BYTES && drop < this.#versions.length - MIN_VERSIONS) {
      drop += 1;
      for (const event of this.#versions[drop]!.events) this.#historyBytes -= event.previous?.stored.length ?? 0;
    }
    this.#versions = this.#versions.slice(drop);
  }

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
}
