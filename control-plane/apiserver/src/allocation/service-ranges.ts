import type { ServiceCIDR } from "@tsukube/api/types/networking-v1";
import type { WatchCache } from "../storage/watch-cache.ts";

const PREFIX = "/registry/servicecidrs/";
/** The one that the server is started with. */
const DEFAULT = "kubernetes";

/** IPv4 addresses as numbers: the network's own and how many there are. */
export interface AddressRange {
  readonly base: number;
  readonly size: number;
}

/** Where Services get their addresses from: the server's own network first, then every ServiceCIDR that is ready (KEP-1880). */
export class ServiceRanges {
  readonly #cache: WatchCache;
  readonly #first: AddressRange;
  #all: readonly AddressRange[] | undefined;

  /** @param cidr "10.160.0.0/16". */
  constructor(cache: WatchCache, cidr: string) {
    this.#cache = cache;
    this.#first = rangeOf(cidr);
    cache.subscribe(PREFIX, () => {
      this.#all = undefined;
    });
  }

  get all(): readonly AddressRange[] {
    this.#all ??= [this.#first, ...this.#further()];
    return this.#all;
  }

  /** The network's own address and its last one are nobody's. */
  contains(value: number): boolean {
    return this.all.some(({ base, size }) => value > base && value < base + size - (size > 2 ? 1 : 0));
  }

  #further(): readonly AddressRange[] {
    return [...this.#cache.head.range(PREFIX)].flatMap(([, cached]) => {
      const { metadata, spec, status } = cached.object as ServiceCIDR;
      const isReady = (status?.conditions ?? []).some(
        ({ type, status: value }) => type === "Ready" && value === "True",
      );
      if (metadata?.name === DEFAULT || metadata?.deletionTimestamp !== undefined || !isReady) return [];
      return (spec?.cidrs ?? []).filter((cidr) => !cidr.includes(":")).map(rangeOf);
    });
  }
}

function rangeOf(cidr: string): AddressRange {
  const [address = "", bits = "32"] = cidr.split("/");
  return { base: toNumber(address), size: 2 ** (32 - Number(bits)) };
}

export function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}
