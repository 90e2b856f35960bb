import type { IPAddress, ServiceCIDR } from "@tsukube/api/types/networking-v1";

/** IPv4 addresses as numbers, from `first` on, before `end`. */
interface Range {
  readonly first: number;
  readonly end: number;
}

/** Pure: the addresses of Services that would be in no range any more if this one went. */
export function heldBy(
  range: ServiceCIDR,
  others: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
): readonly string[] {
  const own = rangesOf(range);
  const staying = others.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).flatMap(rangesOf);
  return addresses
    .filter(({ spec }) => spec?.parentRef?.resource === "services")
    .map(({ metadata }) => metadata?.name ?? "")
    .filter((address) => isIn(address, own) && !isIn(address, staying));
}

function rangesOf({ spec }: ServiceCIDR): readonly Range[] {
  return (spec?.cidrs ?? [])
    .filter((cidr) => !cidr.includes(":"))
    .map((cidr) => {
      const [address = "", bits = "32"] = cidr.split("/");
      const first = toNumber(address);
      return { first, end: first + 2 ** (32 - Number(bits)) };
    });
}

function isIn(address: string, ranges: readonly Range[]): boolean {
  const value = toNumber(address);
  return ranges.some(({ first, end }) => value >= first && value < end);
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
