import type { KeyValue, RangeRequest } from "../generated/etcd.ts";
import type { EtcdConnection } from "./etcd-connection.ts";
import { storeErrorOf } from "./etcd-errors.ts";
import type { EtcdKeys } from "./etcd-keys.ts";
import type { RangeOptions } from "./store.ts";

/** Records asked for at once: etcd answers in one message. */
const PAGE = 500;

export interface EtcdPage {
  readonly kvs: readonly KeyValue[];
  /** The one that all pages are of. */
  readonly revision: number;
  /** Records after this page. */
  readonly remaining: number;
}

/** Reads what lies in an etcd. */
export class EtcdRanges {
  readonly #connection: EtcdConnection;
  readonly #keys: EtcdKeys;
  readonly #oldest: () => number;

  /** @param oldest The oldest revision that is known to be kept, for errors. */
  constructor(connection: EtcdConnection, keys: EtcdKeys, oldest: () => number) {
    this.#connection = connection;
    this.#keys = keys;
    this.#oldest = oldest;
  }

  /** What lies below a prefix, at one revision, in pages; at least one. @throws {StoreError} `compacted`, `future`, `unavailable`. */
  async *pages(prefix: string, options: RangeOptions = {}): AsyncGenerator<EtcdPage, void> {
    let { key, rangeEnd } = this.#keys.bounds(prefix, options.start);
    let wanted = options.limit === undefined || options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
    let revision = options.revision ?? 0;
    for (;;) {
      const limit = Math.min(PAGE, wanted);
      const { kvs = [], header, count } = await this.read({ key, rangeEnd, limit, revision });
      if (revision === 0) revision = Number(header?.revision);
      const remaining = Number(count) - kvs.length;
      const own = kvs.filter((kv) => !this.#keys.isTick(kv.key));
      yield { kvs: own, revision, remaining };
      wanted -= own.length;
      if (remaining === 0 || wanted === 0) return;
      key = Buffer.concat([kvs.at(-1)!.key!, Buffer.of(0)]);
    }
  }

  /** @throws {StoreError} as {@link pages}. */
  async read(request: RangeRequest) {
    try {
      return await this.#connection.read((member, options) => member.kv.Range(request, options));
    } catch (error) {
      throw storeErrorOf(error, { asked: Number(request.revision ?? 0), oldest: this.#oldest() });
    }
  }
}
