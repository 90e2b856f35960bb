import type { ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { type Ipv4Network, parseNetwork } from "@tsukube/foundation/ipv4";
import type { WatchCache } from "../storage/watch-cache.ts";

const PREFIX = "/registry/servicecidrs/";
/** The one that the server is started with. */
const DEFAULT = "kubernetes";

/** Where Services get their addresses from: the server's own network first, then every ServiceCIDR that is ready (KEP-1880). */
export class ServiceRanges {
  readonly #cache: WatchCache;
  readonly #first: Ipv4Network;
  #all: readonly Ipv4Network[] | undefined;

  /** @param cidr "10.160.0.0/16". */
  constructor(cache: WatchCache, cidr: string) {
    this.#cache = cache;
    this.#first = parseNetwork(cidr) as Ipv4Network;
    cache.subscribe(PREFIX, () => {
      this.#all = undefined;
    });
  }

  get all(): readonly Ipv4Network[] {
    this.#all ??= [this.#first, ...this.#further()];
    return this.#all;
  }

  /** The network's own address and its last one are nobody's. */
  contains(value: number): boolean {
    return this.all.some(({ base, size }) => value > base && value < base + size - (size > 2 ? 1 : 0));
  }

  #further(): readonly Ipv4Network[] {
    return [...this.#cache.head.range(PREFIX)].flatMap(([, cached]) => {
      const { metadata, spec, status } = cached.object as ServiceCIDR;
      const isReady = (status?.conditions ?? []).some(
        ({ type, status: value }) => type === "Ready" && value === "True",
      );
      if (metadata?.name === DEFAULT || metadata?.deletionTimestamp !== undefined || !isReady) return [];
      return (spec?.cidrs ?? []).flatMap((cidr) => parseNetwork(cidr) ?? []);
    });
  }
}
