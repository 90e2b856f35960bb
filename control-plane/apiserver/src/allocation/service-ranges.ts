import type { ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { type IpFamily, type IpNetwork, type IpNumber, parseIpNetwork } from "@tsukube/foundation/ip-network";
import type { WatchCache } from "../storage/watch-cache.ts";

const PREFIX = "/registry/servicecidrs/";
/** The one that the server is started with. */
const DEFAULT = "kubernetes";

/**
 * Where Services get their addresses from: the server's own networks first, then those of every further ServiceCIDR; none that is being
 * deleted or said to be unready, the server's own not excepted (KEP-1880).
 */
export class ServiceRanges {
  readonly #cache: WatchCache;
  readonly #own: readonly IpNetwork[];
  #all: readonly IpNetwork[] | undefined;

  /** @param cidrs "10.160.0.0/16", or one of each family by comma. */
  constructor(cache: WatchCache, cidrs: string) {
    this.#cache = cache;
    this.#own = networksOf(cidrs.split(","));
    cache.subscribe(PREFIX, () => {
      this.#all = undefined;
    });
  }

  /** Of Services here, the primary one first; a further ServiceCIDR adds none. */
  get families(): readonly IpFamily[] {
    return this.#own.map(({ family }) => family);
  }

  get all(): readonly IpNetwork[] {
    this.#all ??= this.#given();
    return this.#all;
  }

  of(family: IpFamily): readonly IpNetwork[] {
    return this.all.filter((network) => network.family === family);
  }

  /** The one whose address it is: a network's own address is nobody's, nor is the last one of IPv4. */
  containing({ family, value }: IpNumber): IpNetwork | undefined {
    return this.of(family).find(({ base, size }) => value > base && value < base + size - lastOnes(family, size));
  }

  #given(): readonly IpNetwork[] {
    const objects = [...this.#cache.head.range(PREFIX)].map(([, cached]) => cached.object as ServiceCIDR);
    const own = objects.find(isDefault);
    const further = objects.filter((each) => !isDefault(each) && gives(each));
    return [
      ...(own === undefined || gives(own) ? this.#own : []),
      ...further.flatMap(({ spec }) => networksOf(spec?.cidrs ?? [])),
    ];
  }
}

function isDefault({ metadata }: ServiceCIDR): boolean {
  return metadata?.name === DEFAULT;
}

function gives({ metadata, status }: ServiceCIDR): boolean {
  const ready = status?.conditions?.find(({ type }) => type === "Ready")?.status ?? "True"; // nobody may say so
  return metadata?.deletionTimestamp === undefined && ready === "True";
}

function networksOf(cidrs: readonly string[]): readonly IpNetwork[] {
  return cidrs.flatMap((cidr) => parseIpNetwork(cidr) ?? []);
}

function lastOnes(family: IpFamily, size: bigint): bigint {
  return family === "IPv4" && size > 2n ? 1n : 0n;
}
