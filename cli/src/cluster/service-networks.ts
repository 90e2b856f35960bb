import { TsukubeError } from "@tsukube/foundation";
import { addressAt, type IpFamily, type IpNetwork, overlap, parseIpNetwork } from "@tsukube/foundation/ip-network";

/** Room for the addresses that a cluster needs itself, of its own Service and of its DNS. */
const LEAST_ADDRESSES = 16n;
const LONGEST_HOST_PART = { IPv4: 24, IPv6: 64 } as const;

/** The networks that `up --service-cidr` names, the primary one first. @throws {TsukubeError} `usage`. */
export function parseServiceNetworks(text: string): readonly IpNetwork[] {
  return parseNetworks("--service-cidr", text, "such as 10.96.0.0/16 or fd00:96::/112", LONGEST_HOST_PART);
}

/** A node has pods on one network: a link of Ethernet. IPv6 addresses of pods are as far from the first one as those of IPv4. */
const LONGEST_POD_PART = { IPv4: 24, IPv6: 80 } as const;

/**
 * The networks that `up --pod-cidr` names, in any order: pods have the families that Services have.
 * @param services What Services have. @throws {TsukubeError} `usage`.
 */
export function parsePodNetworks(text: string, services: string): readonly IpNetwork[] {
  const networks = parseNetworks("--pod-cidr", text, "such as 10.244.0.0/16 or fd00:244::/64", LONGEST_POD_PART);
  const [four, six] = (["IPv4", "IPv6"] as const).map((family) => networks.find((one) => one.family === family));
  const refuse = (state: string, expected: string): never => {
    throw new TsukubeError("usage", `Cannot take --pod-cidr "${text}": ${state}, expected ${expected}`);
  };
  if (six !== undefined && !services.includes(":"))
    refuse("its Services have no IPv6", "--service-cidr with a network of IPv6, too");
  if (six !== undefined && six.size < (four?.size ?? DEFAULT_POD_ADDRESSES))
    refuse(`${networkText(six)} has fewer addresses than the network of IPv4`, "as many at least");
  return networks;
}

/** Of a /16. */
const DEFAULT_POD_ADDRESSES = 1n << 16n;

function parseNetworks(
  flag: string,
  text: string,
  example: string,
  longest: Readonly<Record<IpFamily, number>>,
): readonly IpNetwork[] {
  const refuse = (state: string, expected: string): never => {
    throw new TsukubeError("usage", `Cannot take ${flag} "${text}": ${state}, expected ${expected}`);
  };
  const cidrs = text.split(",");
  if (cidrs.length > 2) return refuse(`it names ${cidrs.length} networks`, "one, or one of each IP family");
  const networks = cidrs.map((cidr) => {
    const network = parseIpNetwork(cidr) ?? refuse(`"${cidr}" is no network`, example);
    const { family, bits, size } = network;
    const whole = networkText(network);
    if (whole !== cidr) refuse(`"${cidr}" is not in the form that all write`, whole);
    if (size < LEAST_ADDRESSES) refuse(`${cidr} has ${size} addresses`, `at least ${LEAST_ADDRESSES}`);
    const shortest = (family === "IPv4" ? 32 : 128) - longest[family];
    if (bits < shortest) refuse(`${cidr} is too large`, `a prefix of ${shortest} bits at least`);
    return network;
  });
  if (networks.length === 2 && networks[0]?.family === networks[1]?.family)
    refuse(`both networks are ${networks[0]?.family}`, "one of each IP family");
  return networks;
}

/** @throws {TsukubeError} `usage`, when a network shares addresses with another one. @param others What each is, by its network. */
export function expectApart(flag: string, networks: readonly IpNetwork[], others: ReadonlyMap<string, string>): void {
  for (const network of networks)
    for (const [cidr, what] of others) {
      const other = parseIpNetwork(cidr);
      if (other === undefined || !overlap(network, other)) continue;
      const state = `${networkText(network)} shares addresses with ${what}, ${cidr}`;
      throw new TsukubeError("usage", `Cannot use ${flag}: ${state}, expected a network of its own`);
    }
}

function networkText(network: IpNetwork): string {
  return `${addressAt(network, 0)}/${network.bits}`;
}
