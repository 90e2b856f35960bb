import { readFile, writeFile } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import type { Attachment, ContainerNetworks, Network, PortWish } from "@tsukube/node-contracts";
import type { SandboxRecord } from "../../sandboxes/sandbox-record.ts";
import { hostPortsOf, parsePort } from "../containers/checked-wishes.ts";
import { DEFAULT_NETWORK, type DockerContainer, isRunning, networkModeOf } from "../containers/container-record.ts";
import type { ContainerStore } from "../containers/container-store.ts";
import type { EndpointDocument } from "../containers/documents.ts";
import { parseLink } from "../containers/links.ts";
import type { DockerEvents } from "../events.ts";
import { extraHosts, hostsFile, type LinkedHost, resolversFile, upstreamServers } from "./host-files.ts";

/** Where containers of user-defined networks ask for names, as with Docker. */
const NAME_SERVER = "127.0.0.11";

interface Deps {
  readonly networks: ContainerNetworks;
  /** Makes the loopback of a network namespace ready. */
  readonly loopback: (netns: string) => void | Promise<void>;
  readonly store: ContainerStore;
  /** Of a run. */
  readonly sandbox: (id: string) => SandboxRecord | undefined;
  readonly events: DockerEvents;
  /** Makes sure that names of containers are answered at a gateway. */
  readonly serveNames: (gateway: string) => Promise<void>;
}

/** Connects running containers to their networks, and writes what their files in /etc say about it. */
export class Endpoints {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** The network called "bridge" is there from its first use on. */
  async network(name: string): Promise<Network> {
    const { networks } = this.#deps;
    const known = networks.find(name);
    if (known !== undefined) return known;
    if (name !== DEFAULT_NETWORK) throw new TsukubeError("not-found", `network ${name} not found`);
    return networks.ensure({ name, internal: false, labels: {} }); // two containers at once may ask for it
  }

  /** Everything that a container's network mode and endpoints ask for. */
  async connect(container: DockerContainer, sandbox: SandboxRecord): Promise<void> {
    const { net } = sandbox.namespaces;
    const mode = networkModeOf(container);
    if (mode.startsWith("container:")) return;
    if (net !== undefined) await this.#deps.loopback(net);
    if (net !== undefined && mode !== "none" && container.config.NetworkDisabled !== true) {
      const first = this.#gatewayNetwork(container);
      for (const name of orderedNetworks(container)) await this.#attach(container, name, sandbox, name === first);
      await this.#publish(container);
    }
    await this.#writeFiles(container, sandbox, this.#links(container));
    await this.#tellLinked(container);
  }

  /** One more network of a running container. Leaves it as it was when it fails. @returns it as its record is to be. */
  async add(
    before: DockerContainer,
    network: Network,
    endpoint: EndpointDocument,
    sandbox: SandboxRecord,
  ): Promise<DockerContainer> {
    const container = { ...before, endpoints: { ...before.endpoints, [network.name]: endpoint } };
    try {
      const { networks } = this.#deps;
      const hasDefault = this.of(before.id).some(({ networkId }) => networks.find(networkId)?.internal === false);
      await this.#attach(container, network.name, sandbox, !hasDefault);
      await this.#publish(container);
      await this.#writeFiles(container, sandbox, this.#links(container));
    } catch (error) {
      await this.detach(before, network.id, sandbox).catch(() => {}); // why it failed is what counts
      throw error;
    }
    await this.#tellLinked(container);
    return container;
  }

  /** Over which the world is reached: the first of those of the highest priority. */
  #gatewayNetwork(container: DockerContainer): string | undefined {
    const priority = (name: string): number => container.endpoints[name]?.GwPriority ?? 0;
    const open = orderedNetworks(container).filter((name) => this.#deps.networks.find(name)?.internal !== true);
    return open.toSorted((a, b) => priority(b) - priority(a))[0];
  }

  async #attach(
    container: DockerContainer,
    name: string,
    sandbox: SandboxRecord,
    isDefault: boolean,
  ): Promise<Attachment> {
    const { networks } = this.#deps;
    const network = await this.network(name);
    const endpoint = container.endpoints[name] ?? {};
    const own = this.of(container.id);
    const address = endpoint.IPAMConfig?.IPv4Address || undefined;
    const ipv6Address = endpoint.IPAMConfig?.IPv6Address || undefined;
    const macAddress = endpoint.MacAddress || (own.length === 0 ? container.config.MacAddress : undefined) || undefined;
    const attached = await networks.attach({
      containerId: container.id,
      networkId: network.id,
      netns: sandbox.namespaces.net ?? "",
      names: namesOf(container, endpoint),
      isDefault,
      resolvers: upstreamServers(await hostResolvers(), container.hostConfig.Dns ?? [], networks.resolver),
      ...(address === undefined ? {} : { address }),
      ...(ipv6Address === undefined ? {} : { ipv6Address }),
      ...(macAddress === undefined ? {} : { macAddress }),
    });
    this.#tell("connect", attached);
    return attached;
  }

  #tell(action: "connect" | "disconnect", { containerId, networkId }: Attachment): void {
    const name = this.#deps.networks.find(networkId)?.name ?? "";
    this.#deps.events.publish("network", action, networkId, { container: containerId, name, type: "bridge" });
  }

  async detach(container: DockerContainer, networkId: string, sandbox: SandboxRecord): Promise<void> {
    const gone = this.of(container.id).find((attachment) => attachment.networkId === networkId);
    await this.#deps.networks.detach(container.id, networkId);
    if (gone !== undefined) this.#tell("disconnect", gone);
    await this.#publish(container);
    await this.#writeFiles(container, sandbox, this.#presentLinks(container));
    await this.#tellLinked(container);
  }

  async release(id: string): Promise<void> {
    const gone = this.of(id);
    await this.#deps.networks.unpublish(id);
    await this.#deps.networks.detach(id);
    for (const attachment of gone) this.#tell("disconnect", attachment);
    const container = this.#deps.store.find(id);
    if (gone.length > 0 && container !== undefined) await this.#tellLinked(container);
  }

  /** The addresses of a container are others, or none: those that are linked to it have them in their files. */
  async #tellLinked({ id }: DockerContainer): Promise<void> {
    const { store } = this.#deps;
    for (const other of store.all)
      if (linksOf(other).some(({ name }) => store.find(name)?.id === id)) await this.refresh(other);
  }

  /** Writes anew what the files of a container that runs say about those that it links to. */
  async refresh(container: DockerContainer): Promise<void> {
    const sandbox = isRunning(container) ? this.#deps.sandbox(container.id) : undefined;
    if (sandbox !== undefined)
      await this.#writeFiles(container, sandbox, this.#presentLinks(container)).catch(() => {}); // it may be ending
  }

  /** The container has another name: under it others find it from now on. */
  async rename(container: DockerContainer): Promise<void> {
    for (const { networkId } of this.of(container.id)) {
      const name = this.#deps.networks.find(networkId)?.name ?? "";
      await this.#deps.networks.rename(container.id, networkId, namesOf(container, container.endpoints[name] ?? {}));
    }
  }

  of(id: string): readonly Attachment[] {
    return this.#deps.networks.attachments.filter(({ containerId }) => containerId === id);
  }

  /** hosts, hostname and resolv.conf; names are asked for where a user-defined network is. */
  async #writeFiles(container: DockerContainer, sandbox: SandboxRecord, links: readonly LinkedHost[]): Promise<void> {
    const { hostConfig, config } = container;
    const own = this.of(container.id);
    const named = own.find(({ networkId }) => this.#deps.networks.find(networkId)?.name !== DEFAULT_NETWORK);
    if (named !== undefined && sandbox.namespaces.net !== undefined) {
      await this.#deps.serveNames(named.gateway);
      await this.#deps.networks.leadNames(sandbox.namespaces.net, named.gateway);
    }
    const extra = hostConfig.ExtraHosts ?? [];
    const gateway = own[0]?.gateway ?? this.#deps.networks.find(DEFAULT_NETWORK)?.gateway ?? "127.0.0.1";
    const isHost = networkModeOf(container) === "host";
    const { resolver } = this.#deps.networks;
    const hosts = isHost
      ? `${await readFile("/etc/hosts", "utf8").catch(() => "127.0.0.1\tlocalhost\n")}${extraHosts(extra, gateway)
          .map((line) => `${line}\n`)
          .join("")}`
      : hostsFile({
          hostname: sandbox.hostname,
          domainname: config.Domainname ?? "",
          addresses: own.flatMap(({ address, ipv6 }) => [address, ...(ipv6 === undefined ? [] : [ipv6.address])]),
          extra,
          gateway,
          links,
        });
    await writeFile(`${sandbox.files}/hosts`, hosts);
    await writeFile(
      `${sandbox.files}/resolv.conf`,
      isHost && (hostConfig.Dns ?? []).length === 0
        ? await hostResolvers()
        : resolversFile({
            host: await hostResolvers(),
            ...(resolver === undefined ? {} : { resolver }),
            servers: hostConfig.Dns ?? [],
            searches: hostConfig.DnsSearch ?? [],
            options: hostConfig.DnsOptions ?? [],
            ...(named === undefined ? {} : { names: NAME_SERVER }),
          }),
    );
  }

  /** On the default network those that a container links to must be there and run; on others they are found when they do. */
  #links(container: DockerContainer): readonly LinkedHost[] {
    const { store } = this.#deps;
    for (const { network, name, alias } of linksOf(container)) {
      if (network !== DEFAULT_NETWORK) continue;
      const other = store.find(name);
      if (other === undefined)
        throw new TsukubeError("invalid", `could not get container for ${name}: No such container: ${name}`);
      if (this.of(other.id).length === 0)
        throw new TsukubeError(
          "conflict",
          `Cannot link to a non running container: /${other.name} AS /${container.name}/${alias}`,
        );
    }
    return this.#presentLinks(container);
  }

  #presentLinks(container: DockerContainer): readonly LinkedHost[] {
    const { store, networks } = this.#deps;
    return linksOf(container).flatMap(({ network, name, alias }) => {
      const other = store.find(name);
      const shared = networks.find(network)?.id;
      const there = this.of(other?.id ?? "").find(({ networkId }) => networkId === shared);
      if (other === undefined || there === undefined) return [];
      const names = [alias, ...(network === DEFAULT_NETWORK ? [other.config.Hostname ?? "", other.name] : [])];
      return [{ address: there.address, names: [...new Set(names)].filter((each) => each !== "") }];
    });
  }

  /** Ports lead to the first network from which the world is reached; those that were chosen before stay. */
  async #publish(container: DockerContainer): Promise<void> {
    const { networks } = this.#deps;
    const target = this.of(container.id).find(({ networkId }) => networks.find(networkId)?.internal === false);
    const before = networks.published(container.id);
    const addresses = [target?.address, target?.ipv6?.address];
    if (before.length > 0 && before.every(({ containerAddress }) => addresses.includes(containerAddress))) return;
    await networks.unpublish(container.id);
    const wishes = portWishes(container);
    if (target === undefined || wishes.length === 0) return;
    const chosen = ({ containerPort, protocol }: (typeof wishes)[number]) =>
      before.find((port) => port.containerPort === containerPort && port.protocol === protocol)?.hostPort;
    await networks.publish(
      container.id,
      wishes.map((wish) => {
        const port = wish.hostPorts === undefined ? chosen(wish) : undefined;
        return {
          ...wish,
          ...(port === undefined ? {} : { hostPorts: [port, port] as const }),
          ...addressesFor(wish, target, networks.find(target.networkId)?.hostBinding),
        };
      }),
    );
  }
}

/** `--link NAME:ALIAS`, each once. */
function linksOf({ hostConfig, endpoints }: DockerContainer) {
  const mode = networkModeOf({ hostConfig });
  const asked = [
    ...(hostConfig.Links ?? []).map((link) => [mode, link] as const),
    ...Object.entries(endpoints).flatMap(([name, { Links }]) => (Links ?? []).map((link) => [name, link] as const)),
  ];
  const once = new Map(asked.map(([network, link]) => [`${network} ${link}`, { network, link }]));
  return [...once.values()].map(({ network, link }) => {
    return { network, ...parseLink(link) };
  });
}

/** That of the network mode first; the mode alone where a container is on no network. */
function orderedNetworks(container: DockerContainer): readonly string[] {
  const mode = networkModeOf(container);
  const names = Object.keys(container.endpoints);
  if (names.length === 0) return [mode];
  return [...names.filter((name) => name === mode), ...names.filter((name) => name !== mode)];
}

/** Under which names others find a container. */
function namesOf({ name, id, config }: DockerContainer, endpoint: EndpointDocument): readonly string[] {
  return [...new Set([name, ...(endpoint.Aliases ?? []), id.slice(0, 12), config.Hostname ?? ""])].filter(
    (each) => each !== "",
  );
}

/** Ports that a container publishes: each of its bindings, and with `-P` each exposed one at any port. */
function portWishes({ config, hostConfig }: DockerContainer): readonly Omit<PortWish, "containerAddress">[] {
  const bindings = Object.entries(hostConfig.PortBindings ?? {}).flatMap(([port, bound]) =>
    (bound ?? []).map((binding) => wishOf(port, binding.HostIp ?? "", binding.HostPort ?? "")),
  );
  const taken = new Set(Object.keys(hostConfig.PortBindings ?? {}).map(normalPort));
  const exposed = Object.keys(config.ExposedPorts ?? {}).filter((port) => !taken.has(normalPort(port)));
  return [...bindings, ...(hostConfig.PublishAllPorts === true ? exposed.map((port) => wishOf(port, "", "")) : [])];
}

/** Which addresses of a container an address of the host leads to. @throws {TsukubeError} `unsupported`. */
function addressesFor(
  { hostAddress }: Pick<PortWish, "hostAddress">,
  { address, ipv6 }: Attachment,
  hostBinding: string | undefined,
) {
  if (hostAddress === "" && hostBinding !== undefined) return { containerAddress: address, hostAddress: hostBinding };
  if (hostAddress === "" && ipv6 !== undefined)
    return { containerAddress: address, containerIpv6Address: ipv6.address };
  if (!hostAddress.includes(":")) return { containerAddress: address };
  if (ipv6 !== undefined) return { containerAddress: ipv6.address };
  throw new TsukubeError(
    "unsupported",
    `Cannot publish a port on ${hostAddress}: the network of the container has IPv4 alone, expected one made with --ipv6`,
  );
}

function wishOf(port: string, hostIp: string, hostPort: string): Omit<PortWish, "containerAddress"> {
  const { port: containerPort, protocol } = parsePort(port);
  const hostPorts = hostPortsOf(hostPort);
  return { protocol, hostAddress: hostIp, containerPort, ...(hostPorts === undefined ? {} : { hostPorts }) };
}

/** "80" is "80/tcp". */
export function normalPort(port: string): string {
  return port.includes("/") ? port : `${port}/tcp`;
}

async function hostResolvers(): Promise<string> {
  return readFile("/etc/resolv.conf", "utf8").catch(() => "");
}
