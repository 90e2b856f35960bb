import { codeOf, TsukubeError } from "@tsukube/foundation";
import type { ContainerNetworks, Ipv6Spec, Network } from "@tsukube/node-contracts";
import { checkMac } from "./containers/checked-wishes.ts";
import { DEFAULT_NETWORK, type DockerContainer, isRunning, networkModeOf } from "./containers/container-record.ts";
import { time } from "./containers/container-views.ts";
import { ENDPOINT_FIELDS } from "./containers/document-fields.ts";
import type { EndpointDocument } from "./containers/documents.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import type { Fields, Shape } from "./document-shape.ts";
import { Filters, matchesText } from "./filters.ts";
import { bridgeOptions } from "./networks/bridge-options.ts";
import type { Endpoints } from "./networks/endpoints.ts";
import { timeIn } from "./time-in.ts";

interface CreateNetwork {
  readonly Name?: string;
  readonly Driver?: string;
  readonly Internal?: boolean;
  readonly Attachable?: boolean;
  readonly Ingress?: boolean;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6?: boolean;
  readonly ConfigOnly?: boolean;
  readonly ConfigFrom?: { readonly Network?: string } | null;
  readonly Scope?: string;
  readonly IPAM?: {
    readonly Driver?: string;
    readonly Config?:
      | readonly {
          readonly Subnet?: string;
          readonly Gateway?: string;
          readonly IPRange?: string;
          readonly AuxiliaryAddresses?: Readonly<Record<string, string>> | null;
        }[]
      | null;
  } | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

const TEXTS: Shape = { tableOf: "string" };
const POOL = { Subnet: "string", Gateway: "string", IPRange: "string", AuxiliaryAddresses: TEXTS } as const;
const CREATE_FIELDS: Fields<CreateNetwork> = {
  Name: "string",
  Driver: "string",
  Internal: "boolean",
  Attachable: "boolean",
  ConfigOnly: "boolean",
  ConfigFrom: { fields: { Network: "string" } },
  Ingress: "boolean",
  EnableIPv4: "boolean",
  EnableIPv6: "boolean",
  Scope: "string",
  IPAM: { fields: { Driver: "string", Config: { listOf: { fields: POOL } } } },
  Options: TEXTS,
  Labels: TEXTS,
};

/** Networks that need no bridge, with ids of their own: nobody makes or removes them. */
const BUILT_IN = [
  { name: "host", driver: "host", id: "68".repeat(32) },
  { name: "none", driver: "null", id: "6e".repeat(32) },
] as const;

/** Create, list, inspect, connect, disconnect, remove and prune networks. */
export function networkRoutes(deps: DockerDeps): readonly Route[] {
  return [
    { method: "GET", path: /^\/networks$/, handle: ({ query }) => list(deps, query) },
    { method: "POST", path: /^\/networks\/create$/, handle: (request) => create(deps, request) },
    { method: "POST", path: /^\/networks\/prune$/, handle: ({ query }) => prune(deps, query) },
    { method: "GET", path: /^\/networks\/([^/]+)$/, handle: ({ parameters }) => inspect(deps, parameters[0] ?? "") },
    { method: "DELETE", path: /^\/networks\/([^/]+)$/, handle: ({ parameters }) => remove(deps, parameters[0] ?? "") },
    { method: "POST", path: /^\/networks\/([^/]+)\/connect$/, handle: (request) => connect(deps, request) },
    { method: "POST", path: /^\/networks\/([^/]+)\/disconnect$/, handle: (request) => disconnect(deps, request) },
  ];
}

function parts({ networks, endpoints }: DockerDeps): { networks: ContainerNetworks; endpoints: Endpoints } {
  if (networks !== undefined && endpoints !== undefined) return { networks, endpoints };
  throw new TsukubeError("unsupported", "this engine has no networks of containers");
}

function builtIn(name: string): (typeof BUILT_IN)[number] | undefined {
  return BUILT_IN.find((each) => each.name === name || (name.length >= 12 && each.id.startsWith(name)));
}

/** The default network is there for everyone who looks. */
async function found(deps: DockerDeps, name: string): Promise<Network> {
  const { endpoints, networks } = parts(deps);
  const network = networks.find(name) ?? (name === DEFAULT_NETWORK ? await endpoints.network(name) : undefined);
  if (network === undefined) throw new TsukubeError("not-found", `network ${name} not found`);
  return network;
}

async function list(deps: DockerDeps, query: URLSearchParams): Promise<DockerAnswer> {
  const filters = new Filters(query, ["dangling", "driver", "id", "label", "label!", "name", "scope", "type"]);
  const unknown = filters.of("type")?.find((type) => type !== "builtin" && type !== "custom");
  if (unknown !== undefined) throw new TsukubeError("invalid", `invalid filter: 'type'='${unknown}'`);
  await found(deps, DEFAULT_NETWORK);
  const dangling = filters.flag("dangling");
  const { networks } = parts(deps);
  const all = [
    ...networks.all.map((network) => networkDetails(deps, network)),
    ...BUILT_IN.map((each) => builtInDetails(deps, each)),
  ];
  const isUsed = (id: string): boolean => networks.attachments.some(({ networkId }) => networkId === id);
  const isPredefined = (name: string): boolean => name === DEFAULT_NETWORK || builtIn(name) !== undefined;
  const shown = all.filter(
    ({ Id, Name, Driver, Labels }) =>
      filters.fits("name", (wanted) => matchesText(Name, wanted)) &&
      filters.fits("id", (wanted) => matchesText(Id, wanted)) &&
      filters.fits("driver", (wanted) => wanted === Driver) &&
      filters.fits("scope", (wanted) => wanted === "local") &&
      filters.fits("type", (wanted) => (wanted === "builtin") === isPredefined(Name)) &&
      filters.fitsLabels(Labels) &&
      (dangling === undefined || dangling === (!isPredefined(Name) && !isUsed(Id))),
  );
  return { status: 200, json: shown };
}

async function inspect(deps: DockerDeps, name: string): Promise<DockerAnswer> {
  const own = builtIn(name);
  if (own !== undefined)
    return { status: 200, json: { ...builtInDetails(deps, own), Containers: usersOfBuiltIn(deps, own.name) } };
  const network = await found(deps, name);
  return { status: 200, json: { ...networkDetails(deps, network), Containers: usersOf(deps, network) } };
}

function networkDetails(_: DockerDeps, network: Network) {
  const { subnet, gateway, range, reserved, ipv6 } = network;
  return {
    Name: network.name,
    Id: network.id,
    Created: time(network.createdAt),
    Scope: "local",
    Driver: "bridge",
    EnableIPv4: true,
    EnableIPv6: ipv6 !== undefined,
    IPAM: {
      Driver: "default",
      Options: network.name === DEFAULT_NETWORK ? null : {},
      Config: [
        {
          Subnet: subnet,
          ...(range === undefined ? {} : { IPRange: range }),
          Gateway: gateway,
          ...(reserved === undefined ? {} : { AuxiliaryAddresses: reserved }),
        },
        ...(ipv6 === undefined
          ? []
          : [
              {
                ...{ Subnet: ipv6.subnet, Gateway: ipv6.gateway },
                ...(ipv6.reserved === undefined ? {} : { AuxiliaryAddresses: ipv6.reserved }),
              },
            ]),
      ],
    },
    Internal: network.internal,
    Attachable: network.attachable === true,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: {
      ...network.options,
      ...(network.name === DEFAULT_NETWORK ? { "com.docker.network.bridge.name": network.bridge } : {}),
    },
    Labels: network.labels,
  };
}

function builtInDetails(_: DockerDeps, { name, id, driver }: (typeof BUILT_IN)[number]) {
  return {
    Name: name,
    Id: id,
    Created: "1970-01-01T00:00:00Z",
    Scope: "local",
    Driver: driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: [] },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: {},
    Options: {},
    Labels: {},
  };
}

function usersOf(deps: DockerDeps, { id }: Network) {
  const users = parts(deps).networks.attachments.filter(({ networkId }) => networkId === id);
  return Object.fromEntries(
    users.map(({ containerId, endpointId, macAddress, address, prefixLength, ipv6 }) => [
      containerId,
      {
        Name: deps.dockerContainers.store.find(containerId)?.name ?? "",
        EndpointID: endpointId,
        MacAddress: macAddress,
        IPv4Address: `${address}/${prefixLength}`,
        IPv6Address: ipv6 === undefined ? "" : `${ipv6.address}/${ipv6.prefixLength}`,
      },
    ]),
  );
}

function usersOfBuiltIn({ dockerContainers }: DockerDeps, name: string) {
  const users = dockerContainers.store.all.filter(
    (container) => isRunning(container) && networkModeOf(container) === name,
  );
  const nothing = { EndpointID: "", MacAddress: "", IPv4Address: "", IPv6Address: "" };
  return Object.fromEntries(users.map((container) => [container.id, { Name: container.name, ...nothing }]));
}

async function create(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const wish = await request.json<CreateNetwork>(CREATE_FIELDS);
  const { Name: name = "", Driver: driver = "bridge", IPAM } = wish;
  if (name === "") throw new TsukubeError("invalid", "network name cannot be empty");
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) throw new TsukubeError("invalid", `invalid network name "${name}"`);
  if (builtIn(name) !== undefined || name === DEFAULT_NETWORK || name === "default")
    throw new TsukubeError("forbidden", `operation is not permitted on predefined ${name} network`);
  if (driver === "host" || driver === "null")
    throw new TsukubeError("forbidden", `only one instance of "${driver}" network is allowed`);
  if (driver !== "bridge" && driver !== "")
    throw new TsukubeError(
      "not-found",
      `could not find plugin ${driver} in v2 plugin registry: plugin "${driver}" not found: there are networks of the driver bridge`,
    );
  if (wish.Ingress === true || wish.Scope === "swarm")
    throw new TsukubeError("unsupported", "there is no swarm mode here");
  if (wish.ConfigOnly === true || wish.ConfigFrom?.Network)
    throw new TsukubeError("unsupported", "networks that only hold a configuration for others are not there");
  if (wish.EnableIPv4 === false)
    throw new TsukubeError("unsupported", "networks of IPv6 alone are not there: expected one without --ipv4=false");
  if (IPAM?.Driver && IPAM.Driver !== "default")
    throw new TsukubeError("invalid", `could not find plugin ${IPAM.Driver} for IPAM`);
  const configs = (IPAM?.Config ?? []).filter((config) => Object.keys(config).length > 0);
  const [config = {}, ...others] = configs.filter((each) => !isIpv6(each));
  const [ipv6, ...otherIpv6] = configs.filter(isIpv6);
  if (others.length + otherIpv6.length > 0)
    throw new TsukubeError("unsupported", "several subnets of one network are not there yet: expected one of a family");
  if (ipv6 !== undefined && wish.EnableIPv6 !== true)
    throw new TsukubeError("invalid", `cannot use subnet ${ipv6.Subnet ?? ""} of IPv6: expected --ipv6 with it`);
  if (ipv6?.IPRange)
    throw new TsukubeError(
      "unsupported",
      "ranges within subnets of IPv6 are not there: expected no --ip-range of IPv6",
    );
  const options = bridgeOptions(wish.Options ?? {});
  await found(deps, DEFAULT_NETWORK); // which has the first of the subnets
  const network = await parts(deps).networks.create({
    name,
    internal: wish.Internal === true,
    attachable: wish.Attachable === true,
    labels: wish.Labels ?? {},
    options: wish.Options ?? {},
    ...options,
    ...(config.Subnet ? { subnet: config.Subnet } : {}),
    ...(config.Gateway ? { gateway: config.Gateway } : {}),
    ...(config.IPRange ? { range: config.IPRange } : {}),
    ...(config.AuxiliaryAddresses ? { reserved: config.AuxiliaryAddresses } : {}),
    ...(wish.EnableIPv6 === true ? { ipv6: ipv6Wish(ipv6) } : {}),
  });
  deps.events.publish("network", "create", network.id, { name, type: "bridge" });
  return { status: 201, json: { Id: network.id, Warning: "" } };
}

type Pool = NonNullable<NonNullable<CreateNetwork["IPAM"]>["Config"]>[number];

function isIpv6({ Subnet, Gateway, IPRange }: Pool): boolean {
  return (Subnet || Gateway || IPRange || "").includes(":");
}

function ipv6Wish({ Subnet, Gateway, AuxiliaryAddresses }: Pool = {}): Ipv6Spec {
  return {
    ...(Subnet ? { subnet: Subnet } : {}),
    ...(Gateway ? { gateway: Gateway } : {}),
    ...(AuxiliaryAddresses ? { reserved: AuxiliaryAddresses } : {}),
  };
}

async function remove(deps: DockerDeps, name: string): Promise<DockerAnswer> {
  if (builtIn(name) !== undefined)
    throw new TsukubeError("forbidden", `${name} is a pre-defined network and cannot be removed`);
  const network = await found(deps, name);
  if (network.name === DEFAULT_NETWORK)
    throw new TsukubeError("forbidden", "bridge is a pre-defined network and cannot be removed");
  await parts(deps).networks.remove(network.id);
  deps.events.publish("network", "destroy", network.id, { name: network.name, type: "bridge" });
  return { status: 204 };
}

async function connect(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { Container = "", EndpointConfig } = await request.json<{
    Container?: string;
    EndpointConfig?: EndpointDocument | null;
  }>({ Container: "string", EndpointConfig: { fields: ENDPOINT_FIELDS } });
  refuseBuiltIn(request.parameters[0] ?? "");
  checkMac(EndpointConfig?.MacAddress ?? "");
  const network = await found(deps, request.parameters[0] ?? "");
  const { dockerContainers } = deps;
  const { id } = dockerContainers.store.get(Container);
  await dockerContainers.inTurn(id, () => connectTo(deps, id, network, EndpointConfig ?? {}));
  return { status: 200 };
}

async function connectTo(deps: DockerDeps, id: string, network: Network, endpoint: EndpointDocument): Promise<void> {
  const { store } = deps.dockerContainers;
  const container = store.get(id);
  assertConnectable(container);
  if (isRunning(container) && container.endpoints[network.name] !== undefined)
    throw new TsukubeError(
      "forbidden",
      `endpoint with name ${container.name} already exists in network ${network.name}`,
    );
  const sandbox = isRunning(container) ? deps.runs.sandbox(id) : undefined;
  if (sandbox !== undefined) await parts(deps).endpoints.add(container, network, endpoint, sandbox);
  await store.change(id, ({ endpoints, hostConfig }) => ({
    endpoints: { ...endpoints, [network.name]: endpoint },
    ...(networkModeOf(container) === "none" ? { hostConfig: { ...hostConfig, NetworkMode: network.name } } : {}),
  }));
}

/** Containers are on these alone, from their creation. */
function refuseBuiltIn(name: string): void {
  const own = builtIn(name)?.name;
  if (own === undefined) return;
  throw new TsukubeError(
    "invalid",
    own === "host"
      ? "container cannot be disconnected from host network or connected to host network"
      : "container cannot be connected to multiple networks with one of the networks in private (none) mode",
  );
}

function assertConnectable(container: DockerContainer): void {
  const mode = networkModeOf(container);
  if (mode === "host")
    throw new TsukubeError(
      "invalid",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  if (mode.startsWith("container:"))
    throw new TsukubeError(
      "invalid",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  if (mode === "none" && isRunning(container))
    throw new TsukubeError(
      "invalid",
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
}

async function disconnect(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { Container = "", Force = false } = await request.json<{ Container?: string; Force?: boolean }>({
    Container: "string",
    Force: "boolean",
  });
  const network = await found(deps, request.parameters[0] ?? "");
  const { store } = deps.dockerContainers;
  const container = store.find(Container);
  if (container === undefined && Force) return { status: 200 };
  const { id } = store.get(Container);
  await deps.dockerContainers.inTurn(id, () => disconnectFrom(deps, id, network));
  return { status: 200 };
}

async function disconnectFrom(deps: DockerDeps, id: string, network: Network): Promise<void> {
  const { store } = deps.dockerContainers;
  if (store.get(id).endpoints[network.name] === undefined)
    throw new TsukubeError("forbidden", `container ${id} is not connected to network ${network.name}`);
  const changed = await store.change(id, (each) => {
    const { [network.name]: _, ...rest } = each.endpoints;
    return { endpoints: rest };
  });
  const sandbox = deps.runs.sandbox(id);
  if (changed !== undefined && sandbox !== undefined) await parts(deps).endpoints.detach(changed, network.id, sandbox);
}

/** User-defined networks that no container names. */
async function prune(deps: DockerDeps, query: URLSearchParams): Promise<DockerAnswer> {
  const filters = new Filters(query, ["label", "label!", "until"]);
  const { networks } = parts(deps);
  const until = timeIn(filters.of("until")?.[0], deps.clock.now());
  const named = new Set(deps.dockerContainers.store.all.flatMap(({ endpoints }) => Object.keys(endpoints)));
  const unused = networks.all.filter(
    ({ name, labels, createdAt }) =>
      name !== DEFAULT_NETWORK &&
      !named.has(name) &&
      filters.fitsLabels(labels) &&
      (until === undefined || createdAt < until),
  );
  const NetworksDeleted: string[] = [];
  for (const { id, name } of unused) {
    if (networks.find(id) === undefined) continue; // somebody removed it
    try {
      await networks.remove(id);
    } catch (error) {
      if (codeOf(error) === "forbidden") continue; // a container came to it
      throw error;
    }
    NetworksDeleted.push(name);
    deps.events.publish("network", "destroy", id, { name, type: "bridge" });
  }
  deps.events.publish("network", "prune", "", { reclaimed: "0" });
  return { status: 200, json: { NetworksDeleted } };
}
