import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type Clock, TsukubeError } from "@tsukube/foundation";
import { type Links, run, systemLinks, systemNamespaces } from "@tsukube/kernel";
import type { CniRequest, CniResult, PodNetwork } from "@tsukube/node-contracts";
import { holding } from "./choice-lock.ts";
import { type Commands, systemCommands } from "./commands.ts";
import { type HeldPort, heldBy, holderOf } from "./host-ports.ts";
import { type Lease, type LeasedPort, Leases } from "./leases.ts";
import { macOf } from "./mac-address.ts";
import { podTable, siblingOf } from "./pod-table.ts";

export interface PodNetworkOptions {
  /** Leases live in `leases/` below it. */
  readonly stateDirectory: string;
  /** "10.64.0.0/16". */
  readonly podCidr: string;
  readonly gateway: string;
  /** The same of IPv6: then each pod has an address of both. */
  readonly ipv6?: PodNetworkIpv6;
  /** The bridge that {@link ensureBridge} made. */
  readonly bridge: string;
  /** nftables table of this network, such as "tsukube-default-pods". */
  readonly table: string;
  /** Of pod interfaces; the bridge's by default. */
  readonly mtu?: number;
  /** Where others of this host have ports, too. */
  readonly ports?: SharedPorts;
  readonly commands?: Commands;
  readonly links?: Links;
}

export interface PodNetworkIpv6 {
  /** "fd00:10:64::/64", with no fewer addresses than the network of IPv4. */
  readonly podCidr: string;
  readonly gateway: string;
  /** Whether the address of IPv6 is a pod's primary one. */
  readonly isPrimary: boolean;
}

/** Ports of the host that pods share with containers and other nodes of it. */
export interface SharedPorts {
  /** Those that others have. */
  readonly elsewhere: () => Promise<readonly HeldPort[]>;
  /** A file that whoever of them chooses holds meanwhile. */
  readonly choiceLock: string;
  readonly clock: Pick<Clock, "sleep">;
}

const IFF_UP = 1;

/**
 * The default CNI implementation: one bridge a node, one veth pair a pod. A pod's address is a /32 and everything goes through
 * the gateway, so that traffic between two pods of one node is routed and connection tracking sees both directions:
 * Services work on one bridge without br_netfilter.
 */
export async function openPodNetwork(options: PodNetworkOptions): Promise<PodNetwork> {
  const commands = options.commands ?? systemCommands;
  const leases = new Leases(`${options.stateDirectory}/leases`, options.podCidr);
  await leases.load();
  await commands.nft(podTable(options, leases.all));
  const links = options.links ?? systemLinks(systemNamespaces());
  return new BridgeNetwork(options, commands, links, leases);
}

class BridgeNetwork implements PodNetwork {
  readonly #options: PodNetworkOptions;
  readonly #commands: Commands;
  readonly #links: Links;
  readonly #leases: Leases;
  /** nft applies whole tables: one at a time, and only the newest state. */
  #applying: Promise<void> = Promise.resolve();

  constructor(options: PodNetworkOptions, commands: Commands, links: Links, leases: Leases) {
    this.#options = options;
    this.#commands = commands;
    this.#links = links;
    this.#leases = leases;
  }

  async add(request: CniRequest): Promise<CniResult> {
    const before = this.#leases.of(request.containerId);
    if (before !== undefined && (await this.#isWired(request, this.#addressesOf(before)))) return this.#result(before);
    const ports = request.portMappings.filter((port) => port.hostPort > 0);
    const lease = await (ports.length === 0 ? this.#take(request, ports) : this.#takeWithPorts(request, ports));
    try {
      await this.#wire(request, lease);
      if (lease.ports.length > 0) await this.#applyTable();
    } catch (error) {
      await this.remove(request);
      throw error;
    }
    return this.#result(lease);
  }

  async remove(request: Pick<CniRequest, "containerId">): Promise<void> {
    const lease = this.#leases.of(request.containerId);
    if (lease === undefined) return;
    await this.#links.remove(lease.hostLink);
    await this.#leases.release(request.containerId);
    if (lease.ports.length > 0) await this.#applyTable();
  }

  async check(request: CniRequest): Promise<void> {
    const lease = this.#leases.of(request.containerId);
    if (lease === undefined || !(await this.#isWired(request, [lease.address]))) {
      throw new TsukubeError(
        "not-attached",
        `Cannot find the network of pod "${request.podNamespace}/${request.podName}": not attached, expected ${request.interfaceName}; the pod will be made again`,
      );
    }
  }

  async status(): Promise<void> {
    const { bridge } = this.#options;
    const flags = await readFile(`/sys/class/net/${bridge}/flags`, "utf8").catch(() => undefined);
    if (flags !== undefined && (Number(flags) & IFF_UP) !== 0) return;
    const state = flags === undefined ? "missing" : "down";
    throw new TsukubeError(
      "not-ready",
      `Cannot connect pods: bridge "${bridge}" is ${state}, expected it up; start the node again`,
    );
  }

  async collect(containerIds: readonly string[]): Promise<void> {
    const live = new Set(containerIds);
    for (const { containerId } of this.#leases.all) {
      if (!live.has(containerId)) await this.remove({ containerId });
    }
  }

  #result(lease: Lease): CniResult {
    const { ipv6, gateway } = this.#options;
    const ips = this.#addressesOf(lease);
    const inOrder = ipv6?.isPrimary === true ? ips.toReversed() : ips;
    return { ips: inOrder, gateway, macAddress: macOf("0a:58", lease.address) };
  }

  /** That of IPv4 first. */
  #addressesOf({ address }: Lease): readonly string[] {
    const { ipv6, podCidr } = this.#options;
    return ipv6 === undefined ? [address] : [address, siblingOf(address, podCidr, ipv6.podCidr)];
  }

  async #wire({ netns, interfaceName: inside }: CniRequest, lease: Lease): Promise<void> {
    const { bridge, gateway, mtu, ipv6 } = this.#options;
    const { hostLink: host, address } = lease;
    await this.#links.remove(host); // what an interrupted ADD left
    const pair = { host, bridge, inside, netns, mac: macOf("0a:58", address) };
    await this.#links.connect(mtu === undefined ? pair : { ...pair, mtu });
    const [four = "", six = ""] = this.#addressesOf(lease);
    await this.#links.configure(netns, inside, four, gateway);
    if (ipv6 !== undefined) await this.#links.configure(netns, inside, six, ipv6.gateway);
  }

  async #isWired(request: CniRequest, addresses: readonly string[]): Promise<boolean> {
    const args = [`--net=${request.netns}`, "ip", "-o", "addr", "show", "dev", request.interfaceName];
    const { stdout } = await run("nsenter", args, { accept: [0, 1] });
    return addresses.every((address) => stdout.includes(` ${address}/`));
  }

  #take({ containerId, interfaceName }: CniRequest, ports: readonly LeasedPort[]): Promise<Lease> {
    const hostLink = linkName(this.#options.bridge, containerId);
    return this.#leases.take(containerId, { interfaceName, hostLink, ports });
  }

  #takeWithPorts(request: CniRequest, ports: readonly LeasedPort[]): Promise<Lease> {
    const { ports: shared } = this.#options;
    const take = async (): Promise<Lease> => {
      const own = this.#leases.all.filter(({ containerId }) => containerId !== request.containerId);
      refuseTaken(ports, [...own.flatMap(heldBy), ...((await shared?.elsewhere()) ?? [])]);
      return this.#take(request, ports);
    };
    return shared === undefined ? take() : holding(shared.choiceLock, shared.clock, take);
  }

  #applyTable(): Promise<void> {
    this.#applying = this.#applying.then(() => this.#commands.nft(podTable(this.#options, this.#leases.all)));
    const applied = this.#applying;
    this.#applying = applied.catch(() => {}); // one failure must not fail those behind it
    return applied;
  }
}

/** @throws {TsukubeError} `port-taken`. */
function refuseTaken(ports: readonly LeasedPort[], held: readonly HeldPort[]): void {
  for (const { protocol, hostIp, hostPort } of ports) {
    const holder = holderOf({ protocol, hostAddress: hostIp, hostPort }, held);
    if (holder === undefined) continue;
    throw new TsukubeError(
      "port-taken",
      `Cannot publish host port ${hostPort}/${protocol}: it leads to ${holder} already, expected a free one`,
    );
  }
}

/** At most 15 characters (IFNAMSIZ - 1): the bridge's index and a part of the container's id hashed. */
function linkName(bridge: string, containerId: string): string {
  const index = bridge.replace(/\D+/g, "");
  return `tk${index}-${createHash("sha256").update(containerId).digest("hex").slice(0, 10)}`;
}
