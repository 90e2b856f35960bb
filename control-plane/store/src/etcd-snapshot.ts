import type { Clock } from "@tsukube/foundation";
import type { KeyValue } from "../generated/etcd.ts";
import { EtcdConnection } from "./etcd-connection.ts";
import { EtcdKeys } from "./etcd-keys.ts";
import { EtcdRanges } from "./etcd-ranges.ts";
import { DEFAULT_ROOT, type EtcdStoreOptions } from "./etcd-store.ts";
import type { SnapshotRecord } from "./snapshot.ts";
import { type About, type Saved, savePages } from "./snapshots.ts";

/** Saves what an etcd holds, at one revision and a page at a time. What ends by itself will do so at the same time after a restore. */
export async function saveEtcd(options: EtcdStoreOptions, to: string, about: About): Promise<Saved> {
  const connection = new EtcdConnection(options);
  try {
    return await savePages(new EtcdSnapshot(options, connection).pages(), to, { ...about, store: "etcd" });
  } finally {
    connection.close();
  }
}

class EtcdSnapshot {
  readonly #connection: EtcdConnection;
  readonly #clock: Clock;
  readonly #keys: EtcdKeys;
  /** When leases end, by their ids. */
  readonly #ends = new Map<string, Promise<number>>();

  constructor(options: EtcdStoreOptions, connection: EtcdConnection) {
    this.#connection = connection;
    this.#clock = options.clock;
    this.#keys = new EtcdKeys(options.namespace ?? "", options.root ?? DEFAULT_ROOT);
  }

  async *pages(): AsyncGenerator<{ readonly revision: number; readonly records: readonly SnapshotRecord[] }, void> {
    const ranges = new EtcdRanges(this.#connection, this.#keys, () => 0);
    for await (const { kvs, revision } of ranges.pages(""))
      yield { revision, records: await Promise.all(kvs.map((kv) => this.#record(kv))) };
  }

  async #record(kv: KeyValue): Promise<SnapshotRecord> {
    const lease = String(kv.lease ?? 0);
    return { ...this.#keys.recordOf(kv), expiresAt: lease === "0" ? 0 : await this.#endOf(lease) };
  }

  #endOf(lease: string): Promise<number> {
    const known = this.#ends.get(lease) ?? this.#ask(lease);
    this.#ends.set(lease, known);
    return known;
  }

  async #ask(lease: string): Promise<number> {
    const { TTL } = await this.#connection.read((member, options) =>
      member.lease.LeaseTimeToLive({ ID: lease }, options),
    );
    return this.#clock.now() + Math.max(0, Number(TTL)) * 1000; // -1: it ended since
  }
}
