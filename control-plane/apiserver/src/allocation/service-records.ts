import { normalize, type Unstructured } from "@tsukube/api";
import { type Clock, formatTime, type Random } from "@tsukube/foundation";
import { type Mutation, StoreError } from "@tsukube/store";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { Registry } from "../registry/registry.ts";
import { type Companions, encodeStored } from "../storage/object-store.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { NODE_PORT_RECORD, notedPorts, noting, type PortRange } from "./node-port-record.ts";
import type { ServiceHoldings } from "./service-holdings.ts";
import { addressesOf, addressObject, IP_ADDRESSES, isOf, portsOf } from "./service-values.ts";

export interface ServiceRecordsDeps {
  readonly cache: WatchCache;
  readonly holdings: ServiceHoldings;
  readonly registry: Registry;
  readonly nodePorts: PortRange;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Writes a Service together with what says that its addresses and node ports are given: an IPAddress for each address, and the record of node
 * ports. Of two servers that give the same one, the second finds a conflict and chooses again.
 */
export class ServiceRecords implements Companions {
  readonly #deps: ServiceRecordsDeps;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: ServiceRecordsDeps) {
    this.#deps = deps;
  }

  commit(write: Mutation, before: Unstructured | undefined, after: Unstructured | undefined): Promise<number> {
    const { store } = this.#deps.cache;
    const [had, has] = [portsOf(before), portsOf(after)];
    const released = [...had].filter((port) => !has.has(port));
    const taken = [...has].filter((port) => !had.has(port));
    const all = [write, ...this.#addresses(write.key, before, after)];
    return released.length + taken.length === 0
      ? store.commit(all)
      : this.#inTurn(() => store.commit([...all, this.#ports(write.key, released, taken)]));
  }

  /** One after the other: each must have seen what the one before noted. */
  #inTurn(work: () => Promise<number>): Promise<number> {
    const { cache } = this.#deps;
    const turn = this.#turn.then(async () => {
      const revision = await work();
      await cache.reached(revision);
      return revision;
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #addresses(service: string, before: Unstructured | undefined, after: Unstructured | undefined): readonly Mutation[] {
    const [had, has] = [new Set(addressesOf(before)), new Set(addressesOf(after))];
    const released = [...had].filter((address) => !has.has(address));
    const taken = [...has].filter((address) => !had.has(address));
    return [
      ...released.flatMap((address) => this.#release(address, service)),
      ...taken.flatMap((address) => this.#take(address, service)),
    ];
  }

  #release(address: string, service: string): readonly Mutation[] {
    const key = IP_ADDRESSES + address;
    const cached = this.#deps.cache.get(key);
    if (cached === undefined || !isOf(cached.object, service)) return [];
    return [{ type: "delete", key, expected: cached.revision }];
  }

  #take(address: string, service: string): readonly Mutation[] {
    const { cache, registry, random, clock } = this.#deps;
    const definition = registry.get("networking.k8s.io", "v1", "ipaddresses")!;
    const key = IP_ADDRESSES + address;
    const cached = cache.get(key);
    if (cached !== undefined && isOf(cached.object, service)) return [];
    const bare = addressObject(address, service);
    const identity = { uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
    const whole = { ...bare, metadata: { ...bare.metadata, ...identity } };
    const { object } = normalize<Unstructured>(whole, definition.schema);
    const { value, index } = encodeStored(definition, updatedByServer(this.#deps, definition, undefined, object));
    return [{ type: "put", key, value, index, expected: "absent" }];
  }

  /** What Services hold is noted too where it was not: they may be older than the record. */
  #ports(service: string, released: readonly number[], taken: readonly number[]): Mutation {
    const { cache, holdings, nodePorts } = this.#deps;
    const record = cache.get(NODE_PORT_RECORD);
    const noted = new Set(notedPorts(record));
    for (const port of released) noted.delete(port);
    for (const port of holdings.portsBut(service)) noted.add(port);
    for (const port of taken) {
      if (noted.has(port)) throw given(port);
      noted.add(port);
    }
    return noting(noted, nodePorts, record);
  }
}

function given(port: number): StoreError {
  const message = `Cannot note node port ${port}: given already, expected it free`;
  return new StoreError("conflict", message, { key: NODE_PORT_RECORD });
}
