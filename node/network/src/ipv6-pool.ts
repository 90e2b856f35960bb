import { type Random, TsukubeError } from "@tsukube/foundation";
import {
  addressAt,
  formatIp,
  type IpNetwork,
  isWithin,
  overlap,
  parseIp,
  parseIpNetwork,
} from "@tsukube/foundation/ip-network";
import type { Ipv6Spec, Network } from "@tsukube/node-contracts";

/** Completes what a network wants of IPv6. @param used Subnets of others. @throws {TsukubeError} `invalid`, `forbidden`. */
export function ipv6Of(spec: Ipv6Spec, used: readonly string[], random: Random): NonNullable<Network["ipv6"]> {
  const subnet = spec.subnet === undefined ? uniqueLocal(random) : parsed(spec.subnet);
  if (used.some((other) => overlap(subnet, parseIpNetwork(other) as IpNetwork)))
    throw new TsukubeError("forbidden", "Pool overlaps with other one on this address space");
  const cidr = `${formatIp({ family: "IPv6", value: subnet.base })}/${subnet.bits}`;
  const inside = (what: string, text: string): string => {
    const address = parseIp(text);
    if (address !== undefined && isWithin(subnet, address)) return formatIp(address);
    throw new TsukubeError("invalid", `invalid ${what} address ${text}: it is not in the subnet ${cidr}`);
  };
  const reserved = Object.entries(spec.reserved ?? {}).map(([what, text]) => [what, inside(what, text)]);
  return {
    subnet: cidr,
    gateway: spec.gateway === undefined ? addressAt(subnet, 1) : inside("gateway", spec.gateway),
    ...(spec.reserved === undefined ? {} : { reserved: Object.fromEntries(reserved) as Record<string, string> }),
  };
}

/** The next free address. @param last The one given last: what was just released rests as long as possible. @throws {TsukubeError} `exhausted`. */
export function freeIpv6(subnet: string, used: ReadonlySet<string>, last: string | undefined): string {
  const network = parseIpNetwork(subnet) as IpNetwork;
  const before = last === undefined ? undefined : parseIp(last);
  const start = before === undefined ? 1n : before.value - network.base + 1n;
  const tries = BigInt(used.size + 2); // its first one is nobody's
  for (let offset = start; offset < start + tries; offset++) {
    const address = addressAt(network, offset % network.size);
    if (offset % network.size !== 0n && !used.has(address)) return address;
  }
  throw new TsukubeError("exhausted", `Cannot give an address: all of ${subnet} are in use, expected a free one`);
}

/** A wanted address as it is given. @throws {TsukubeError} `invalid`, `forbidden`. */
export function wantedIpv6(wanted: string, subnet: string | undefined, used: ReadonlySet<string>): string {
  const address = parseIp(wanted);
  if (address === undefined || subnet === undefined || !isWithin(parseIpNetwork(subnet) as IpNetwork, address))
    throw new TsukubeError("invalid", `no configured subnet contains IP address ${wanted}`);
  if (used.has(formatIp(address))) throw new TsukubeError("forbidden", "Address already in use");
  return formatIp(address);
}

function parsed(cidr: string): IpNetwork {
  const network = parseIpNetwork(cidr);
  if (network?.family === "IPv6" && network.bits <= MOST_BITS) return network;
  throw new TsukubeError("invalid", `invalid subnet ${cidr}: expected a form like fd12:3456:789a:1::/64`);
}

/** One address for the bridge, one for a container, and the first that is nobody's. */
const MOST_BITS = 126;

/** Nobody else is likely to have it (RFC 4193, 3.2). */
function uniqueLocal(random: Random): IpNetwork {
  const prefix = Buffer.from([0xfd, ...random.bytes(7)]).toString("hex");
  return { family: "IPv6", base: BigInt(`0x${prefix}`) << 64n, bits: 64, size: 1n << 64n };
}
