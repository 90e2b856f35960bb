import { TsukubeError } from "@tsukube/foundation";
import { addressAt, type IpNetwork, overlap, parseIpNetwork } from "@tsukube/foundation/ip-network";

/** Room for the addresses that a cluster needs itself, of its own Service and of its DNS. */
const LEAST_ADDRESSES = 16n;
const LONGEST_HOST_PART = { IPv4: 24, IPv6: 64 } as const;

/** The networks that `up --service-cidr` names, the primary one first. @throws {TsukubeError} `usage`. */
export function parseServiceNetworks(text: string): readonly IpNetwork[] {
  const refuse = (state: string, expected: string): never => {
    throw new TsukubeError("usage", `Cannot take --service-cidr "${text}": ${state}, expected ${expected}`);
  };
  const cidrs = text.split(",");
  if (cidrs.length > 2) return refuse(`it names ${cidrs.length} networks`, "one, or one of each IP family");
  const networks = cidrs.map((cidr) => {
    const network = parseIpNetwork(cidr) ?? refuse(`"${cidr}" is no network`, "such as 10.96.0.0/16 or fd00:96::/112");
    const { family, bits, size } = network;
    const whole = networkText(network);
    if (whole !== cidr) refuse(`"${cidr}" is not in the form that all write`, whole);
    if (size < LEAST_ADDRESSES) refuse(`${cidr} has ${size} addresses`, `at least ${LEAST_ADDRESSES}`);
    const shortest = (family === "IPv4" ? 32 : 128) - LONGEST_HOST_PART[family];
    if (bits < shortest) refuse(`${cidr} is too large`, `a prefix of ${shortest} bits at least`);
    return network;
  });
  if (networks.length === 2 && networks[0]?.family === networks[1]?.family)
    refuse(`both networks are ${networks[0]?.family}`, "one of each IP family");
  return networks;
}

/** @throws {TsukubeError} `usage`, when a network of Services shares addresses with another one. @param others What each is, by its network. */
export function expectApart(networks: readonly IpNetwork[], others: ReadonlyMap<string, string>): void {
  for (const network of networks)
    for (const [cidr, what] of others) {
      const other = parseIpNetwork(cidr);
      if (other === undefined || !overlap(network, other)) continue;
      const state = `${networkText(network)} shares addresses with ${what}, ${cidr}`;
      throw new TsukubeError("usage", `Cannot use --service-cidr: ${state}, expected a network of its own`);
    }
}

function networkText(network: IpNetwork): string {
  return `${addressAt(network, 0)}/${network.bits}`;
}
