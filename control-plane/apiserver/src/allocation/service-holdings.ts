import type { Unstructured } from "@tsukube/api";
import { type IpNetwork, isWithin, parseIp } from "@tsukube/foundation/ip-network";
import type { WatchCache } from "../storage/watch-cache.ts";
import { addressesOf, portsOf, SERVICES } from "./service-values.ts";

/** Which Services, by their keys, hold an address or a node port: read from the Services themselves, so that nothing can leak. */
export class ServiceHoldings {
  readonly #addresses = new Holders<string>();
  readonly #ports = new Holders<number>();

  constructor(cache: WatchCache) {
    for (const [key, { object }] of cache.head.range(SERVICES)) this.#hold(key, object);
    cache.subscribe(SERVICES, (events) => {
      for (const { key, previous, current } of events) {
        if (previous !== undefined) this.#release(key, previous.object);
        if (current !== undefined) this.#hold(key, current.object);
      }
    });
  }

  /** Whether a Service other than the one at `key` holds it. */
  isHeld(value: string | number, key: string): boolean {
    return typeof value === "string" ? this.#addresses.isHeld(value, key) : this.#ports.isHeld(value, key);
  }

  /** The node ports of all Services but the one at `key`. */
  portsBut(key: string): readonly number[] {
    return this.#ports.all.filter((port) => this.#ports.isHeld(port, key));
  }

  /** How many addresses of a network Services hold. */
  addressesIn(network: IpNetwork): number {
    return this.#addresses.all.filter((address) => isWithin(network, parseIp(address)!)).length;
  }

  get portCount(): number {
    return this.#ports.all.length;
  }

  #hold(key: string, service: Unstructured): void {
    for (const address of addressesOf(service)) this.#addresses.add(address, key);
    for (const port of portsOf(service)) this.#ports.add(port, key);
  }

  #release(key: string, service: Unstructured): void {
    for (const address of addressesOf(service)) this.#addresses.delete(address, key);
    for (const port of portsOf(service)) this.#ports.delete(port, key);
  }
}

class Holders<Value> {
  readonly #holders = new Map<Value, Set<string>>();

  get all(): readonly Value[] {
    return [...this.#holders.keys()];
  }

  isHeld(value: Value, by: string): boolean {
    const holders = this.#holders.get(value);
    return holders !== undefined && (holders.size > 1 || !holders.has(by));
  }

  add(value: Value, holder: string): void {
    const holders = this.#holders.get(value) ?? new Set();
    this.#holders.set(value, holders.add(holder));
  }

  delete(value: Value, holder: string): void {
    const holders = this.#holders.get(value);
    holders?.delete(holder);
    if (holders?.size === 0) this.#holders.delete(value);
  }
}
