import type { Cancel } from "@tsukube/foundation";
import type { Compare, RequestOp, TxnResponse } from "../generated/etcd.ts";
import { EtcdCompactor } from "./etcd-compactor.ts";
import { EtcdConnection, type EtcdConnectionOptions, idOf } from "./etcd-connection.ts";
import { storeErrorOf } from "./etcd-errors.ts";
import { EtcdKeys } from "./etcd-keys.ts";
import { EtcdLeases } from "./etcd-leases.ts";
import { EtcdRanges } from "./etcd-ranges.ts";
import { EtcdWatch, type EtcdWatchDeps } from "./etcd-watch.ts";
import { compacted, expectDistinct, expectRecord } from "./memory-store.ts";
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

export interface EtcdStoreOptions extends EtcdConnectionOptions {
  /** What watching and listing everything means; {@link DEFAULT_ROOT} by default. What else lies in etcd is not touched. */
  readonly root?: string;
  /** Stands before every key; none by default. */
  readonly namespace?: string;
  /** History is cut to between one and two times this; five minutes by default, as kube-apiserver does. 0: somebody else does. */
  readonly historyMs?: number;
  /** A revision that it is known to have reached: at less than that, it was put back to what it was. */
  readonly atLeast?: number;
  /** Told of each revision before anybody else hears of it, in no order. */
  readonly onRevision?: (revision: number) => void;
}

/** What an etcd says of itself. */
export interface EtcdState {
  readonly clusterId: string;
  readonly revision: number;
}

export const DEFAULT_ROOT = "/registry/";

/** etcd refuses transactions of more operations unless told otherwise. */
const MAX_OPERATIONS = 128;

/** A store in an etcd cluster (3.4 and newer), which others may use at the same time. Values have no index bytes there. */
export function etcdStore(options: EtcdStoreOptions): OpenStore {
  return (visit) => connected(options, (store) => store.load(visit));
}

/** The same for who does not want to see everything: nothing is read. */
export function connectEtcd(options: EtcdStoreOptions): Promise<Store> {
  return connected(options, (store) => store.latest());
}

/** Which etcd cluster answers at the endpoints, and how far it is. @throws {StoreError} `unavailable`, `failed`. */
export async function etcdState(options: EtcdStoreOptions): Promise<EtcdState> {
  const connection = new EtcdConnection(options);
  const keys = keysOf(options);
  try {
    const { header } = await new EtcdRanges(connection, keys, () => 0).read({ key: keys.tick, countOnly: true });
    return { clusterId: idOf(header), revision: Number(header?.revision) };
  } finally {
    connection.close();
  }
}

async function connected(options: EtcdStoreOptions, begin: (store: EtcdStore) => Promise<unknown>): Promise<EtcdStore> {
  const store = new EtcdStore(options);
  try {
    await begin(store);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

export function keysOf({ namespace = "", root = DEFAULT_ROOT }: EtcdStoreOptions): EtcdKeys {
  return new EtcdKeys(namespace, root);
}

class EtcdStore implements Store {
  readonly isShared = true;
  readonly #connection: EtcdConnection;
  readonly #keys: EtcdKeys;
  readonly #ranges: EtcdRanges;
  readonly #leases: EtcdLeases;
  readonly #watches = new Set<EtcdWatch>();
  readonly #watchDeps: EtcdWatchDeps;
  readonly #stopCompacting: Cancel;
  readonly #onRevision: (revision: number) => void;
  /** The newest write under way of each key: writes of one key go one after the other, in the order of the calls. */
  readonly #underWay = new Map<string, Promise<unknown>>();
  #revision: number;
  #compacted = 0;
  #asking: Promise<number> | undefined;
  #askingNext: Promise<number> | undefined;
  #ticking: Promise<void> | undefined;
  #closed = false;

  constructor(options: EtcdStoreOptions) {
    const { clock } = options;
    const connection = new EtcdConnection(options);
    this.#connection = connection;
    this.#revision = options.atLeast ?? 0;
    this.#onRevision = options.onRevision ?? (() => {});
    this.#keys = keysOf(options);
    this.#ranges = new EtcdRanges(connection, this.#keys, () => this.#compacted);
    this.#leases = new EtcdLeases(connection, clock);
    this.#watchDeps = {
      connection,
      keys: this.#keys,
      clock,
      learn: (revision) => this.#learn(revision),
      learnCompacted: (revision) => this.#learnCompacted(revision),
      newest: () => this.#revision,
      tick: () => this.#tick(),
    };
    const every = options.historyMs ?? 5 * 60_000;
    const compactor = new EtcdCompactor(connection, (revision) => this.compact(revision));
    this.#stopCompacting =
      every === 0 ? () => {} : clock.every(every, () => void compactor.turn().catch(() => {}), { background: true }); // the next turn tries again
  }

  /** Shows what is there, at one revision. */
  async load(visit: (record: StoredRecord) => void): Promise<void> {
    for await (const { kvs, revision } of this.#ranges.pages("")) {
      this.#mustGoOn(this.#revision, revision);
      for (const kv of kvs) visit(this.#keys.recordOf(kv));
      this.#learn(revision);
    }
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  async get(key: string, options: { readonly revision?: number } = {}): Promise<StoredRecord | undefined> {
    const { kvs = [] } = await this.#ranges.read({ key: this.#keys.encode(key), revision: options.revision ?? 0 });
    const [found] = kvs;
    return found === undefined ? undefined : this.#keys.recordOf(found);
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<Range> {
    const records: StoredRecord[] = [];
    let last: Omit<Range, "records"> = { revision: 0, remaining: 0 };
    for await (const { kvs, revision, remaining } of this.#ranges.pages(prefix, options)) {
      for (const kv of kvs) records.push(this.#keys.recordOf(kv));
      last = { revision, remaining };
    }
    return { records, ...last };
  }

  latest(): Promise<number> {
    // one that was asked before this call may not know of what was acknowledged since
    this.#askingNext ??= this.#ask();
    return this.#askingNext;
  }

  async commit(mutations: readonly Mutation[]): Promise<number> {
    if (this.#closed) throw closed();
    expectDistinct(mutations);
    if (mutations.length > MAX_OPERATIONS) throw tooMany(mutations.length);
    if (mutations.length === 0) return this.#revision;
    const before = mutations.flatMap(({ key }) => this.#underWay.get(key) ?? []);
    const writing = before.length === 0 ? this.#commit(mutations) : this.#commitAfter(before, mutations);
    for (const { key } of mutations) this.#underWay.set(key, writing);
    try {
      return await writing;
    } finally {
      for (const { key } of mutations) if (this.#underWay.get(key) === writing) this.#underWay.delete(key);
    }
  }

  watch(prefix: string, revision: number, signal: AbortSignal): AsyncIterable<StoreEvent> {
    if (this.#closed) throw closed();
    if (revision > 0 && revision < this.#compacted) throw compacted(revision, this.#compacted);
    const watch = new EtcdWatch(this.#watchDeps, prefix, revision);
    const stop = (): void => watch.close();
    this.#watches.add(watch);
    void watch.ended.finally(() => {
      this.#watches.delete(watch);
      signal.removeEventListener("abort", stop);
    });
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    return watch.events;
  }

  async compact(revision: number): Promise<void> {
    const at = Math.min(revision, this.#revision);
    if (at <= this.#compacted) return;
    try {
      await this.#connection.read((member, options) => member.kv.Compact({ revision: at, physical: true }, options));
    } catch (error) {
      const known = storeErrorOf(error);
      if (known.code !== "compacted") throw known; // somebody else was faster
    }
    this.#learnCompacted(at);
  }

  async copy(): Promise<undefined> {}

  async size(): Promise<number> {
    const { dbSize } = await this.#connection.read((member, options) => member.maintenance.Status({}, options));
    return Number(dbSize);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopCompacting();
    await Promise.allSettled(this.#underWay.values());
    const ending = [...this.#watches].map((watch) => {
      watch.close(new StoreError("closed", "Cannot go on watching: the store is closed"));
      return watch.ended;
    });
    await Promise.allSettled(ending);
    this.#connection.close();
  }

  #learn(revision: number): void {
    if (revision > this.#revision) {
      this.#onRevision(revision);
      this.#revision = revision;
    }
    for (const watch of this.#watches) watch.hurry();
  }

  #learnCompacted(revision: number): void {
    if (revision > this.#compacted) this.#compacted = revision;
  }

  /** Whatever is asked of etcd is answered at what was known before, or later. @throws {StoreError} `unusable`. */
  #mustGoOn(known: number, revision: number): void {
    if (revision >= known) return;
    throw this.#connection.replaced(`it is at revision ${revision}, expected ${known} at least`);
  }

  async #ask(): Promise<number> {
    await this.#asking?.catch(() => {});
    this.#asking = this.#askingNext;
    this.#askingNext = undefined;
    const known = this.#revision;
    const { header } = await this.#ranges.read({ key: this.#keys.tick, countOnly: true });
    const revision = Number(header?.revision);
    this.#mustGoOn(known, revision);
    this.#learn(revision);
    return revision;
  }

  #tick(): Promise<void> {
    this.#ticking ??= this.#connection
      .read((member, options) => member.kv.Put({ key: this.#keys.tick, value: Buffer.from("tick") }, options))
      .then(() => {})
      .finally(() => {
        this.#ticking = undefined;
      });
    return this.#ticking;
  }

  async #commitAfter(before: readonly Promise<unknown>[], mutations: readonly Mutation[]): Promise<number> {
    await Promise.allSettled(before);
    return this.#commit(mutations);
  }

  async #commit(mutations: readonly Mutation[]): Promise<number> {
    try {
      const success = await Promise.all(mutations.map((mutation) => this.#operation(mutation)));
      const compare = mutations.flatMap((mutation) => this.#compare(mutation));
      const failure = compare.length === 0 ? [] : mutations.map(({ key }) => this.#lookAt(key));
      const known = this.#revision;
      const response = await this.#connection.write((member, options) =>
        member.kv.Txn({ compare, success, failure }, options),
      );
      const revision = Number(response.header?.revision);
      this.#mustGoOn(known, revision);
      this.#learn(revision);
      if (response.succeeded === true) return revision;
      throw this.#conflict(mutations, response);
    } catch (error) {
      throw storeErrorOf(error);
    }
  }

  async #operation(mutation: Mutation): Promise<RequestOp> {
    const key = this.#keys.encode(mutation.key);
    if (mutation.type === "delete") return { requestDeleteRange: { key } };
    const lease = mutation.expiresAt === undefined ? 0 : await this.#leases.until(mutation.expiresAt);
    return { requestPut: { key, value: mutation.value, lease } };
  }

  #compare({ key, expected }: Mutation): readonly Compare[] {
    if (expected === "any") return [];
    const modRevision = expected === "absent" ? 0 : expected;
    return [{ key: this.#keys.encode(key), target: "MOD", result: "EQUAL", modRevision }];
  }

  #lookAt(key: string): RequestOp {
    return { requestRange: { key: this.#keys.encode(key) } };
  }

  #conflict(mutations: readonly Mutation[], response: TxnResponse): StoreError {
    for (const [index, { key, expected }] of mutations.entries()) {
      const [kv] = response.responses?.[index]?.responseRange?.kvs ?? [];
      try {
        expectRecord(key, expected, kv === undefined ? undefined : this.#keys.recordOf(kv));
      } catch (error) {
        return error as StoreError;
      }
    }
    return new StoreError("failed", "Cannot write: etcd refused what its own answer allows, expected a difference");
  }
}

function closed(): StoreError {
  return new StoreError("closed", "Cannot write: the store is closed, expected an open one");
}

function tooMany(count: number): StoreError {
  return new StoreError("failed", `Cannot write ${count} keys at once: expected at most ${MAX_OPERATIONS} with etcd`);
}
