import type { IPAddress, ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { contains, type Ipv4Network, parseAddress, parseNetwork } from "@tsukube/foundation/ipv4";

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

function rangesOf({ spec }: ServiceCIDR): readonly Ipv4Network[] {
  return (spec?.cidrs ?? []).flatMap((cidr) => parseNetwork(cidr) ?? []);
}

function isIn(address: string, ranges: readonly Ipv4Network[]): boolean {
  const value = parseAddress(address);
  return value !== undefined && ranges.some((range) => contains(range, value));
}
