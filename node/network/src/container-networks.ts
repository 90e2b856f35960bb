import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, type Logger, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import {
  contains,
  formatAddress,
  type Ipv4Network,
  overlap,
  parseAddress,
  parseNetwork,
} from "@tsukube/foundation/ipv4";
import { writeRecord } from "@tsukube/host";
import { type Links, linksByProgram, run, systemLinks, systemNamespaces } from "@tsukube/kernel";
import type {
  Attachment,
  AttachmentSpec,
  ContainerNetworks,
  Ipv6Spec,
  Network,
  NetworkSpec,
  PortWish,
  PublishedPort,
} from "@tsukube/node-contracts";
import { freeAddress, freeSubnet } from "./address-pool.ts";
import { ensureBridge, removeBridge } from "./bridge.ts";
import { holding } from "./choice-lock.ts";
import { type Commands, commandsWithin, systemCommands } from "./commands.ts";
import { containerTable, nameTable, removeContainerTable } from "./container-table.ts";
import { containerPortsIn, type HeldPort, holderOf, isListenedAt } from "./host-ports.ts";
import { freeIpv6, ipv6Of, wantedIpv6 } from "./ipv6-pool.ts";
import { macOf } from "./mac-address.ts";
import { type PortRecord, readRecords } from "./network-records.ts";
import type { Uplink } from "./uplink.ts";

export interface ContainerNetworksOptions {
  /** Records live in `networks/`, `attachments/` and `ports/` below it. */
  readonly folder: string;
  /** nftables table, such as "tsukube-default-docker". */
  readonly table: string;
  /** What sysctls were before; empty after a reboot. */
  readonly sysctlRecord: string;
  /** Subnets to choose from. */
  readonly pools?: readonly string[];
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly random: Random;
  readonly logger: Logger;
  /** The other engines of this host: what their records say is taken here, too. */
  readonly others?: () => readonly OtherNetworks[];
  /** Ports of the host that pods have. */
  readonly podPorts?: () => Promise<readonly HeldPort[]>;
  /** A file that whoever of them, or of the pods' networks, chooses a subnet or a port holds meanwhile. */
  readonly choiceLock?: string;
  /** Bridges are in a namespace of its own, and reach the host's network, and are reached from there, by this. */
  readonly uplink?: Uplink;
  readonly commands?: Commands;
  readonly links?: Links;
}

/** Networks of another engine of the host. */
export interface OtherNetworks {
  readonly folder: string;
  /** Has something in the kernel: not after a reboot, when only its networks keep their subnets. */
  readonly isUp: boolean;
}

/** Ports that nobody is served from by name: the kernel's own for clients. */
const EPHEMERAL: readonly [number, number] = [32_768, 60_999];

/**
 * Networks of containers: a bridge each, one veth pair an attachment. One file per network, attachment and set of ports; the
 * kernel holds the rest, so that they outlive this process. Bridges are made at the first attachment.
 */
export async function openContainerNetworks(options: ContainerNetworksOptions): Promise<ContainerNetworks> {
  const networks = new BridgeNetworks(options);
  await networks.load();
  return networks;
}

class BridgeNetworks implements ContainerNetworks {
  readonly #options: ContainerNetworksOptions;
  readonly #commands: Commands;
  readonly #links: Links;
  readonly #networks = new Map<string, Network>();
  readonly #attachments = new Map<string, Attachment>();
  readonly #ports = new Map<string, PortRecord>();
  readonly #last = new Map<string, string>();
  readonly #lastIpv6 = new Map<string, string>();
  readonly #bridges = new Map<string, Promise<void>>();
  #number = 0;
  #applying: Promise<void> = Promise.resolve();
  #choosing: Promise<unknown> = Promise.resolve();

  constructor(options: ContainerNetworksOptions) {
    this.#options = options;
    const home = options.uplink?.netns;
    this.#commands = options.commands ?? (home === undefined ? systemCommands : commandsWithin(home));
    this.#links = options.links ?? (home === undefined ? systemLinks(systemNamespaces()) : linksByProgram(home));
  }

  async load(): Promise<void> {
    for (const network of await this.#read<Network>("networks")) this.#networks.set(network.id, network);
    for (const attachment of await this.#read<Attachment>("attachments")) {
      this.#attachments.set(keyOf(attachment), attachment);
      this.#number = Math.max(this.#number, attachment.number);
    }
    for (const record of await this.#read<PortRecord>("ports")) this.#ports.set(record.containerId, record);
    const { uplink } = this.#options;
    if (uplink?.isThere() === false) return;
    for (const network of this.all) await this.#restore(network.name, () => this.#restoreBridge(network));
    if (uplink !== undefined && this.attachments.length > 0)
      await this.#restore("uplink", async () => {
        await uplink.ensure();
        await this.#lead();
      });
  }

  /** What stands in the kernel goes on as it is where this fails, and the others are not held up. */
  async #restore(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.logger.error("cannot restore a network", { name, error: messageOf(error) });
    }
  }

  async #restoreBridge(network: Network): Promise<void> {
    if ((await this.#commands.macOfLink(network.bridge)) !== undefined) await this.#ensureBridge(network);
  }

  get resolver(): string | undefined {
    return this.#options.uplink?.resolver;
  }

  get all(): readonly Network[] {
    return [...this.#networks.values()].sort((a, b) => a.createdAt - b.createdAt);
  }

  get attachments(): readonly Attachment[] {
    return [...this.#attachments.values()].sort((a, b) => a.number - b.number);
  }

  find(name: string): Network | undefined {
    const known = this.#networks.get(name) ?? this.all.find((network) => network.name === name);
    if (known !== undefined || !/^[0-9a-f]{4,}$/.test(name)) return known;
    const fitting = this.all.filter(({ id }) => id.startsWith(name));
    return fitting.length === 1 ? fitting[0] : undefined;
  }

  create(spec: NetworkSpec): Promise<Network> {
    return this.#alone(() => this.#create(spec));
  }

  ensure(spec: NetworkSpec): Promise<Network> {
    return this.#alone(async () => this.all.find(({ name }) => name === spec.name) ?? (await this.#create(spec)));
  }

  async #create(spec: NetworkSpec): Promise<Network> {
    if (this.all.some(({ name }) => name === spec.name))
      throw new TsukubeError("conflict", `network with name ${spec.name} already exists`);
    const subnet = spec.subnet === undefined ? await this.#freeSubnet() : this.#checked(spec.subnet);
    const inside = parseNetwork(subnet) as Ipv4Network;
    const gateway = spec.gateway ?? formatAddress(inside.base + 1);
    for (const [what, address] of [["gateway", gateway], ...Object.entries(spec.reserved ?? {})]) {
      const value = parseAddress(address as string);
      if (value === undefined || !contains(inside, value))
        throw new TsukubeError("invalid", `invalid ${what} address ${address}: it is not in the subnet ${subnet}`);
    }
    const range = spec.range === undefined ? inside : parseNetwork(spec.range);
    if (range === undefined || range.bits < inside.bits || !contains(inside, range.base))
      throw new TsukubeError("invalid", `invalid ip range ${spec.range}: it is not a part of the subnet ${subnet}`);
    const { ipv6: wish, ...rest } = spec;
    const ipv6 = wish === undefined ? {} : { ipv6: await this.#ipv6For(wish) };
    if (rest.bridge !== undefined) await this.#expectFree(rest.bridge);
    const id = hex(this.#options.random.bytes(32));
    const bridge = rest.bridge ?? `tkbr-${id.slice(0, 10)}`;
    const network: Network = {
      ...rest,
      ...ipv6,
      id,
      subnet,
      gateway,
      bridge,
      createdAt: this.#now(),
    };
    this.#networks.set(id, network);
    try {
      await writeRecord(this.#path("networks", id), network);
    } catch (error) {
      this.#networks.delete(id);
      throw error;
    }
    return network;
  }

  /** A link that is another's would go with the network. */
  async #expectFree(bridge: string): Promise<void> {
    const known = [...this.all, ...(await this.#ofOthers<Network>("networks"))].find((each) => each.bridge === bridge);
    if (known === undefined && (await this.#commands.macOfLink(bridge)) === undefined) return;
    const holder = known === undefined ? "this machine" : `network ${known.name}`;
    throw new TsukubeError(
      "forbidden",
      `Cannot name the link of a network "${bridge}": ${holder} has one of that name`,
    );
  }

  async #ipv6For(wish: Ipv6Spec): Promise<NonNullable<Network["ipv6"]>> {
    if (this.#options.uplink !== undefined)
      throw new TsukubeError("unsupported", "an engine without root has no IPv6: expected a network without --ipv6");
    const known = [...this.all, ...(await this.#ofOthers<Network>("networks"))];
    const used = known.flatMap((network) => network.ipv6?.subnet ?? []);
    return ipv6Of(wish, used, this.#options.random);
  }

  async remove(id: string): Promise<void> {
    const network = this.#networks.get(id);
    if (network === undefined) return;
    const users = this.attachments.filter(({ networkId }) => networkId === id);
    if (users.length > 0) {
      const endpoints = users.map(({ names, endpointId }) => `name:"${names[0]}" id:"${endpointId.slice(0, 12)}"`);
      throw new TsukubeError(
        "forbidden",
        `error while removing network: network ${network.name} has active endpoints (${endpoints.join(", ")})`,
      );
    }
    this.#networks.delete(id); // before the first await: nothing may be attached to it meanwhile
    await rm(this.#path("networks", id), { force: true });
    if (!this.#bridges.delete(id)) return;
    await this.#dropBridge(network);
    await this.#applyTable(network.ipv6 !== undefined);
  }

  async attach(spec: AttachmentSpec): Promise<Attachment> {
    await this.detach(spec.containerId, spec.networkId);
    const network = this.#networks.get(spec.networkId);
    if (network === undefined) throw new TsukubeError("not-found", `network ${spec.networkId} not found`);
    const attachment = this.#reserve(network, spec);
    try {
      await writeRecord(this.#path("attachments", keyOf(attachment)), attachment);
      if (await this.#options.uplink?.ensure()) await this.#lead();
      await this.#ensureBridge(network);
      await this.#wire(network, attachment, spec.isDefault);
    } catch (error) {
      await this.detach(spec.containerId, network.id);
      throw error;
    }
    return attachment;
  }

  #reserve(network: Network, { isDefault: _, ipv6Address, ...spec }: AttachmentSpec): Attachment {
    const on = this.attachments.filter(({ networkId }) => networkId === network.id);
    const used = new Set([
      network.gateway,
      ...Object.values(network.reserved ?? {}),
      ...on.map((each) => each.address),
    ]);
    const address = this.#addressFor(network, spec.address, used);
    const ipv6 = this.#ipv6AddressFor(network, ipv6Address, on);
    this.#last.set(network.id, address);
    const names = this.attachments.filter(({ containerId }) => containerId === spec.containerId);
    const { interfacePrefix = "eth" } = network;
    let index = 0;
    while (names.some(({ interfaceName }) => interfaceName === `${interfacePrefix}${index}`)) index++;
    const attachment: Attachment = {
      ...spec,
      address,
      endpointId: hex(this.#options.random.bytes(32)),
      interfaceName: `${interfacePrefix}${index}`,
      hostLink: `tkd-${createHash("sha256").update(keyOf(spec)).digest("hex").slice(0, 10)}`,
      prefixLength: (parseNetwork(network.subnet) as Ipv4Network).bits,
      gateway: network.gateway,
      ...(ipv6 === undefined ? {} : { ipv6 }),
      macAddress: spec.macAddress ?? macOf("02:42", address),
      number: ++this.#number,
    };
    this.#attachments.set(keyOf(attachment), attachment);
    return attachment;
  }

  #addressFor(network: Network, wanted: string | undefined, used: ReadonlySet<string>): string {
    const { subnet, range } = network;
    if (wanted === undefined) {
      const last = this.#last.get(network.id);
      const rest = { ...(range === undefined ? {} : { range }), ...(last === undefined ? {} : { last }) };
      return freeAddress({ subnet, used, ...rest });
    }
    const value = parseAddress(wanted);
    if (value === undefined || !contains(parseNetwork(subnet) as Ipv4Network, value))
      throw new TsukubeError("invalid", `no configured subnet contains IP address ${wanted}`);
    if (used.has(wanted)) throw new TsukubeError("forbidden", "Address already in use");
    return wanted;
  }

  #ipv6AddressFor(network: Network, wanted: string | undefined, on: readonly Attachment[]): Attachment["ipv6"] {
    const { ipv6, id } = network;
    const used = new Set(on.flatMap((each) => each.ipv6?.address ?? []));
    for (const each of [ipv6?.gateway, ...Object.values(ipv6?.reserved ?? {})]) if (each !== undefined) used.add(each);
    const asked = wanted === undefined ? undefined : wantedIpv6(wanted, ipv6?.subnet, used);
    if (ipv6 === undefined) return undefined;
    const { subnet, gateway } = ipv6;
    const address = asked ?? freeIpv6(subnet, used, this.#lastIpv6.get(id));
    this.#lastIpv6.set(id, address);
    return { address, prefixLength: Number(subnet.split("/")[1]), gateway };
  }

  async #wire(network: Network, attachment: Attachment, isDefault: boolean): Promise<void> {
    const { hostLink: host, interfaceName: inside, netns, macAddress: mac, address, prefixLength } = attachment;
    await this.#links.remove(host); // what an interrupted attachment left
    const { bridge, mtu } = network;
    await this.#links.connect({ host, bridge, inside, netns, mac, ...(mtu !== undefined && { mtu }) });
    const gateway = isDefault && !network.internal ? network.gateway : undefined;
    await this.#links.configure(netns, inside, `${address}/${prefixLength}`, gateway);
    const { ipv6, containerId } = attachment;
    if (ipv6 === undefined) return;
    const ways = this.#waysOut(containerId).filter((each) => each.ipv6 !== undefined);
    const isWayOut = ways.length === 1 && ways[0] === attachment;
    const six = `${ipv6.address}/${ipv6.prefixLength}`;
    await this.#links.configure(netns, inside, six, isWayOut ? ipv6.gateway : undefined);
  }

  /** Of a container, the attachments from which the world is reached. */
  #waysOut(containerId: string): readonly Attachment[] {
    return this.attachments.filter(
      (each) => each.containerId === containerId && this.#networks.get(each.networkId)?.internal === false,
    );
  }

  async rename(containerId: string, networkId: string, names: readonly string[]): Promise<void> {
    const key = keyOf({ containerId, networkId });
    const attachment = this.#attachments.get(key);
    if (attachment === undefined) return;
    this.#attachments.set(key, { ...attachment, names });
    await writeRecord(this.#path("attachments", key), { ...attachment, names });
  }

  async detach(containerId: string, networkId?: string): Promise<void> {
    for (const attachment of this.attachments) {
      if (attachment.containerId !== containerId) continue;
      if (networkId !== undefined && attachment.networkId !== networkId) continue;
      await this.#links.remove(attachment.hostLink);
      await rm(this.#path("attachments", keyOf(attachment)), { force: true });
      this.#attachments.delete(keyOf(attachment));
    }
    if (networkId !== undefined) await this.#keepDefaultRoute(containerId);
  }

  /** The network that the default route led over may be gone: another one takes its place. */
  async #keepDefaultRoute(containerId: string): Promise<void> {
    const ways = this.#waysOut(containerId).filter(({ netns }) => existsSync(netns));
    const [next] = ways;
    if (next !== undefined) await this.#links.routeOver(next.netns, next.interfaceName, next.gateway);
    const six = ways.find(({ ipv6 }) => ipv6 !== undefined);
    if (six?.ipv6 !== undefined) await this.#links.routeOver(six.netns, six.interfaceName, six.ipv6.gateway);
  }

  async publish(containerId: string, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]> {
    await this.unpublish(containerId);
    try {
      const ports = await this.#alone(() => this.#choosePorts(containerId, wishes));
      await this.#applyTable();
      await this.#forgetFlows(ports);
      await this.#lead(ports);
      return ports;
    } catch (error) {
      await this.unpublish(containerId);
      throw error;
    }
  }

  async #choosePorts(containerId: string, wishes: readonly PortWish[]): Promise<readonly PublishedPort[]> {
    const ports: PublishedPort[] = [];
    const others = (this.#options.others?.() ?? []).filter(({ isUp }) => isUp);
    const held = [
      ...((await this.#options.podPorts?.()) ?? []),
      ...(await Promise.all(others.map(({ folder }) => containerPortsIn(folder)))).flat(),
    ];
    for (const wish of wishes) {
      const { hostPorts, containerIpv6Address, ...rest } = wish;
      const own = [...this.#ports.values()].flatMap((record) => record.ports);
      const taken = [...own, ...ports].map((port) => ({ ...port, holder: "" }));
      const hostPort = await hostPortFor(wish, [...held, ...taken], this.#options.random);
      ports.push({ ...rest, hostPort });
      if (containerIpv6Address !== undefined)
        ports.push({ ...rest, hostPort, hostAddress: "::", containerAddress: containerIpv6Address });
    }
    this.#ports.set(containerId, { containerId, ports });
    await writeRecord(this.#path("ports", containerId), { containerId, ports });
    return ports;
  }

  published(containerId: string): readonly PublishedPort[] {
    return this.#ports.get(containerId)?.ports ?? [];
  }

  async unpublish(containerId: string): Promise<void> {
    const known = this.#ports.get(containerId);
    if (known === undefined) return;
    this.#ports.delete(containerId);
    await rm(this.#path("ports", containerId), { force: true });
    if (known.ports.length === 0) return;
    await this.#applyTable();
    await this.#forgetFlows(known.ports);
    await this.#lead();
  }

  /** After the table: a flow that is begun before is led by the former. */
  async #forgetFlows(ports: readonly PublishedPort[]): Promise<void> {
    if (this.#options.uplink !== undefined) return; // which leads them itself
    for (const { protocol, hostAddress, hostPort } of ports)
      if (protocol === "udp") await this.#commands.forgetFlows(hostAddress, hostPort);
  }

  /** Makes the uplink lead to what is published, and to nothing else. @param wanted Those that must be reached. */
  async #lead(wanted: readonly PublishedPort[] = []): Promise<void> {
    const refused = await this.#options.uplink?.lead([...this.#ports.values()].flatMap(({ ports }) => ports));
    for (const port of wanted) {
      const reason = refused?.get(port);
      if (reason === undefined) continue;
      const where = `${port.hostAddress || "0.0.0.0"}:${port.hostPort}`;
      throw new TsukubeError("port-taken", `Bind for ${where} failed: ${reason}`);
    }
  }

  async leadNames(netns: string, gateway: string): Promise<void> {
    const switchOn = "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet; exec nft -f -";
    await run("nsenter", [`--net=${netns}`, "sh", "-c", switchOn], { input: nameTable(gateway) });
  }

  async cleanHost(othersRemain: boolean): Promise<void> {
    for (const { containerId } of this.attachments) await this.detach(containerId);
    for (const containerId of this.#ports.keys()) await rm(this.#path("ports", containerId), { force: true });
    this.#ports.clear();
    if (this.#options.uplink?.isThere() !== false)
      for (const network of this.all) await this.#dropBridge(network, othersRemain);
    this.#bridges.clear();
    const { table, uplink } = this.#options;
    if (uplink?.isThere() !== false) {
      await this.#commands.nft(removeContainerTable("ip", table));
      await this.#commands.nft(removeContainerTable("ip6", table)).catch(() => {}); // a kernel without IPv6 has none
    }
    await uplink?.close();
  }

  #ensureBridge(network: Network): Promise<void> {
    const known = this.#bridges.get(network.id);
    if (known !== undefined) return known;
    const { bridge: name, gateway, subnet, ipv6: six } = network;
    const prefixLength = (parseNetwork(subnet) as Ipv4Network).bits;
    const { sysctlRecord } = this.#options;
    const ipv6 = six && { gateway: six.gateway, prefixLength: Number(six.subnet.split("/")[1]) };
    const isFiltered = network.isIsolated === true;
    const bridge = { name, gateway, prefixLength, sysctlRecord, isFiltered, ...(ipv6 === undefined ? {} : { ipv6 }) };
    const made = ensureBridge(bridge, this.#commands).then(() => this.#applyTable());
    this.#bridges.set(network.id, made);
    made.catch(() => this.#bridges.delete(network.id)); // the next attachment tries again
    return made;
  }

  async #dropBridge({ bridge }: Network, othersRemain = true): Promise<void> {
    const { sysctlRecord } = this.#options;
    await removeBridge({ name: bridge, sysctlRecord, othersRemain }, this.#commands);
  }

  #checked(cidr: string): string {
    const network = parseNetwork(cidr);
    if (network === undefined)
      throw new TsukubeError("invalid", `invalid subnet ${cidr}: expected a form like 172.20.0.0/16`);
    const taken = [...this.all.map(({ subnet }) => subnet), ...this.#subnetsOfUplink()];
    if (taken.some((subnet) => overlap(network, parseNetwork(subnet) as Ipv4Network)))
      throw new TsukubeError("forbidden", "Pool overlaps with other one on this address space");
    return `${formatAddress(network.base)}/${network.bits}`;
  }

  async #freeSubnet(): Promise<string> {
    const { stdout } = await run("ip", ["-4", "-o", "route", "show"]);
    const routes = stdout.split("\n").map((line) => line.split(" ")[0] ?? "");
    const known = [...this.all, ...(await this.#ofOthers<Network>("networks"))];
    const taken = [...routes, ...known.map(({ subnet }) => subnet), ...this.#subnetsOfUplink()];
    return freeSubnet(taken, this.#options.pools);
  }

  #subnetsOfUplink(): readonly string[] {
    const { uplink } = this.#options;
    return uplink === undefined ? [] : [uplink.subnet];
  }

  /** One at a time chooses what nobody else may have, here and among the engines of this host: it is on record when it is chosen. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const { choiceLock, clock } = this.#options;
    const chosen = this.#choosing.then(() => holding(choiceLock, clock, work));
    this.#choosing = chosen.catch(() => {});
    return chosen;
  }

  async #ofOthers<T>(kind: string): Promise<readonly T[]> {
    const others = this.#options.others?.() ?? [];
    return (await Promise.all(others.map(({ folder }) => readRecords<T>(join(folder, kind))))).flat();
  }

  /** @param hadIpv6 A network with IPv6 is gone. */
  #applyTable(hadIpv6 = false): Promise<void> {
    const { table, uplink } = this.#options;
    if (uplink?.isThere() === false) return Promise.resolve(); // its tables went with it
    const apply = (): Promise<void> => {
      const networks = this.all.filter(({ id }) => this.#bridges.has(id));
      const ports = [...this.#ports.values()].flatMap((record) => record.ports);
      return this.#commands.nft(containerTable({ table, networks, ports, hadIpv6, isOpen: uplink !== undefined }));
    };
    const applied = this.#applying.then(apply);
    this.#applying = applied.catch(() => {}); // one failure must not fail those behind it
    return applied;
  }

  #now(): number {
    return this.#options.clock.now();
  }

  #path(kind: string, name: string): string {
    return join(this.#options.folder, kind, name);
  }

  /** Damaged files are removed: who needs them makes them again. */
  async #read<T>(kind: string): Promise<readonly T[]> {
    const folder = join(this.#options.folder, kind);
    await mkdir(folder, { recursive: true, mode: 0o711 });
    return readRecords<T>(folder, (name) => rm(join(folder, name), { force: true }));
  }
}

/** @throws {TsukubeError} `port-taken`. */
async function hostPortFor(
  { protocol, hostAddress, hostPorts, containerIpv6Address }: PortWish,
  held: readonly HeldPort[],
  random: Random,
): Promise<number> {
  const holder = (hostPort: number): string | undefined => holderOf({ protocol, hostAddress, hostPort }, held);
  const [first, last] = hostPorts ?? EPHEMERAL;
  const size = last - first + 1;
  const start = hostPorts === undefined ? Buffer.from(random.bytes(4)).readUInt32LE(0) % size : 0;
  for (let tries = 0; tries < size; tries++) {
    const port = first + ((start + tries) % size);
    if (holder(port) !== undefined || (await isListenedAt(protocol, hostAddress, port))) continue;
    if (containerIpv6Address === undefined || !(await isListenedAt(protocol, "::", port))) return port;
  }
  throw new TsukubeError(
    "port-taken",
    size > 1 ? `all ports of ${first}-${last}/${protocol} are already allocated` : taken(),
  );

  function taken(): string {
    const where = withPort(hostAddress === "" ? "0.0.0.0" : hostAddress, first);
    const who = holder(first);
    if (who === undefined) return `failed to bind host port ${where}/${protocol}: address already in use`;
    return `Bind for ${where} failed: port is already allocated${who === "" ? "" : ` (${who} has it)`}`;
  }
}

function keyOf({ containerId, networkId }: Pick<Attachment, "containerId" | "networkId">): string {
  return `${containerId}-${networkId.slice(0, 12)}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
