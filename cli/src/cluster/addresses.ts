import { addressAt, type IpFamily, parseIpNetwork } from "@tsukube/foundation/ip-network";
import { type Ipv4Network, overlap, parseNetwork } from "@tsukube/foundation/ipv4";

export interface PodNetwork {
  readonly podCidr: string;
  /** First address of the pod network: the bridge, and the `kubernetes` endpoint. */
  readonly gateway: string;
  readonly prefixLength: number;
}

/** Every address of a cluster that was not chosen follows from its index on the host: clusters never overlap. */
export interface Addresses extends PodNetwork {
  readonly index: number;
  /** The same of IPv6, where Services have it. */
  readonly ipv6?: PodNetwork;
  /** Gateways and pod networks of all families, those of the primary one first. */
  readonly gateways: readonly string[];
  readonly podCidrs: readonly string[];
  /** One network, or one of each family by comma, the primary one first. */
  readonly serviceCidr: string;
  /** Of Services and pods. */
  readonly primaryFamily: IpFamily;
  /** Where the API server is without a node. */
  readonly loopback: string;
  /** The `kubernetes` Service. */
  readonly kubernetesIp: string;
  /** The cluster DNS Service. */
  readonly dnsIp: string;
  readonly apiPort: number;
  readonly kubeletPort: number;
  readonly kubeletHealthPort: number;
  readonly proxyHealthPort: number;
  readonly proxyMetricsPort: number;
  readonly controllersPort: number;
  readonly schedulerPort: number;
  readonly nodePorts: { readonly first: number; readonly last: number };
  /** Of the pod network on this host. */
  readonly bridge: string;
}

const FIRST_POD_NETWORK = 64;
const FIRST_SERVICE_NETWORK = 160;

/** Clusters that one host can hold: Services of the last one still lie in 10/8, NodePorts above 27000. */
export const MAX_CLUSTERS = 24;

/** What of a cluster's addresses was chosen, and does not follow from its index. */
export interface ChosenNetworks {
  readonly index: number;
  /** What Services get addresses of. */
  readonly serviceCidr?: string;
  /** The same of pods. */
  readonly podCidr?: string;
}

export function addressesOf({
  index,
  serviceCidr = defaultServiceCidr(index),
  podCidr = "",
}: ChosenNetworks): Addresses {
  const pods = FIRST_POD_NETWORK + index;
  const chosen = podCidr.split(",");
  const primary = parseIpNetwork(serviceCidr.split(",")[0] ?? "")!;
  const first = 30000 - 128 * index;
  const ipv4 = podNetwork(chosen.find((cidr) => cidr.includes(".")) ?? `10.${pods}.0.0/16`);
  const ipv6 = podNetwork(chosen.find((cidr) => cidr.includes(":")) ?? `fd00:10:${pods}::/64`);
  const both = primary.family === "IPv4" ? [ipv4, ipv6] : [ipv6, ipv4];
  const own = serviceCidr.includes(":") ? both : [ipv4];
  return {
    index,
    ...ipv4,
    ...(own.length === 2 && { ipv6 }),
    gateways: own.map(({ gateway }) => gateway),
    podCidrs: own.map(({ podCidr }) => podCidr),
    serviceCidr,
    primaryFamily: primary.family,
    loopback: primary.family === "IPv4" ? "127.0.0.1" : "::1",
    kubernetesIp: addressAt(primary, 1),
    dnsIp: addressAt(primary, 10),
    apiPort: 6443 + index,
    kubeletPort: 10250 + 10 * index,
    kubeletHealthPort: 10248 + 10 * index,
    proxyHealthPort: 10256 + 10 * index,
    proxyMetricsPort: index === 0 ? 10249 : 10245 + 10 * index, // 10259 is the first cluster's scheduler
    controllersPort: 10257 + 10 * index,
    schedulerPort: 10259 + 10 * index,
    nodePorts: index === 0 ? { first: 30000, last: 32767 } : { first, last: first + 127 },
    bridge: `tsukube${index}`,
  };
}

function podNetwork(podCidr: string): PodNetwork {
  const network = parseIpNetwork(podCidr)!;
  return { podCidr, gateway: addressAt(network, 1), prefixLength: network.bits };
}

export function defaultServiceCidr(index: number): string {
  return `10.${FIRST_SERVICE_NETWORK + index}.0.0/16`;
}

/** The index of the cluster with this network of Services. */
export function indexOf(serviceCidr: string): number {
  return Number(serviceCidr.split(".")[1]) - FIRST_SERVICE_NETWORK;
}

/** Whether two IPv4 networks in CIDR form, or single addresses, share an address. */
export function overlaps(a: string, b: string): boolean {
  const [one, other] = [networkOf(a), networkOf(b)];
  return one !== undefined && other !== undefined && overlap(one, other);
}

function networkOf(cidr: string): Ipv4Network | undefined {
  return parseNetwork(cidr.includes("/") ? cidr : `${cidr}/32`);
}
