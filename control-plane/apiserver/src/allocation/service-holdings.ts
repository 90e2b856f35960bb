import type { Unstructured } from "@tsukube/api";
import { type IpNetwork, isWithin, parseIp } from "@tsukube/foundation/ip-network";
import type { WatchCache } from "../storage/watch-cache.ts";
import { addressesOf, portsOf, SERVICES } from "./service-values.ts";

/** Which Services, by their keys, hold an address or a node port: read from the Services themselves, so that nothing can leak. */
export class ServiceHoldings {
  readonly #addresses = new Holders<string>();
  readonly #ports = new Holders<number>();
  /** How many addresses of each network are held: kept, for whoever watches asks every few seconds. */
  #counted: { readonly networks: readonly IpNetwork[]; readonly counts: number[] } = { networks: [], counts: [] };

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

  /** How many addresses of each network Services hold. @param networks Counted anew when it is another array than before. */
  addressesIn(networks: readonly IpNetwork[]): readonly number[] {
    if (this.#counted.networks !== networks) {
      this.#counted = { networks, counts: networks.map(() => 0) };
      for (const address of this.#addresses.all) this.#count(address, 1);
    }
    return [...this.#counted.counts];
  }

  get portCount(): number {
    return this.#ports.size;
  }

  #hold(key: string, service: Unstructured): void {
    for (const address of addressesOf(service)) if (this.#addresses.add(address, key)) this.#count(address, 1);
    for (const port of portsOf(service)) this.#ports.add(port, key);
  }

  #release(key: string, service: Unstructured): void {
    for (const address of addressesOf(service)) if (this.#addresses.delete(address, key)) this.#count(address, -1);
    for (const port of portsOf(service)) this.#ports.delete(port, key);
  }

  #count(address: string, difference: number): void {
    const { networks, counts } = this.#counted;
    if (networks.length === 0) return;
    const parsed = parseIp(address)!;
    for (const [index, network] of networks.entries()) if (isWithin(network, parsed)) counts[index]! += difference;
  }
}

class Holders<Value> {
  readonly #holders = new Map<Value, Set<string>>();

  get all(): readonly Value[] {
    return [...this.#holders.keys()];
  }

  get size(): number {
    return this.#holders.size;
  }

  isHeld(value: Value, by: string): boolean {
    const holders = this.#holders.get(value);
    return holders !== undefined && (holders.size > 1 || !holders.has(by));
  }

  /** @returns whether nobody held it before. */
  add(value: Value, holder: string): boolean {
    const holders = this.#holders.get(value);
    if (holders === undefined) this.#holders.set(value, new Set([holder]));
    else holders.add(holder);
    return holders === undefined;
  }

  /** @returns whether nobody holds it now who did before. */
  delete(value: Value, holder: string): boolean {
    const holders = this.#holders.get(value);
    if (holders?.delete(holder) !== true || holders.size > 0) return false;
    return this.#holders.delete(value);
  }
}
