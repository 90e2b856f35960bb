import type { IPAddress, ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { type IpNetwork, isWithin, parseIp, parseIpNetwork } from "@tsukube/foundation/ip-network";

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

function rangesOf({ spec }: ServiceCIDR): readonly IpNetwork[] {
  return (spec?.cidrs ?? []).flatMap((cidr) => parseIpNetwork(cidr) ?? []);
}

function isIn(address: string, ranges: readonly IpNetwork[]): boolean {
  const parsed = parseIp(address);
  return parsed !== undefined && ranges.some((range) => isWithin(range, parsed));
}
