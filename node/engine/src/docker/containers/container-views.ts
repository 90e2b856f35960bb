import type { Attachment, ContainerNetworks, PublishedPort } from "@tsukube/node-contracts";
import facts from "../../../facts/container-defaults.json" with { type: "json" };
import type { ContainerRecord } from "../../containers/containers.ts";
import { normalPort } from "../networks/endpoints.ts";
import {
  DEFAULT_NETWORK,
  type DockerContainer,
  isRunning,
  type MountPoint,
  networkModeOf,
} from "./container-record.ts";
import type { EndpointDocument } from "./documents.ts";
import { listOf } from "./filled-config.ts";
import { shownLinks } from "./links.ts";

const NEVER = "0001-01-01T00:00:00Z";

/** What of the world a view of a container shows besides its record. */
export interface ViewDeps {
  readonly networks?: ContainerNetworks;
  readonly run: (id: string) => ContainerRecord | undefined;
  readonly find: (name: string) => DockerContainer | undefined;
  /** Names that links give to containers, by their ids. */
  readonly linkNames: ReadonlyMap<string, readonly string[]>;
  readonly execIds: (id: string) => readonly string[];
  readonly logPath: (id: string) => string;
  readonly etc: (id: string) => string;
  readonly driver: string;
  /** How containers see control groups unless they ask for something else. */
  readonly cgroupns: "host" | "private";
}

/** `GET /containers/ID/json` (ContainerInspectResponse). */
export function containerDetails(container: DockerContainer, deps: ViewDeps, size?: { rw: number; rootFs: number }) {
  const { id, name, config, hostConfig, command } = container;
  const [path = "", ...args] = command;
  const etc = deps.etc(id);
  const isReadableFile = (hostConfig.LogConfig?.Type ?? "json-file") === "json-file"; // others are nobody's business
  return {
    Id: id,
    Created: time(container.createdAt),
    Path: path,
    Args: args,
    State: stateDetails(container, deps.run(id)),
    Image: container.imageId,
    ResolvConfPath: isRunning(container) ? `${etc}/resolv.conf` : "",
    HostnamePath: isRunning(container) ? `${etc}/hostname` : "",
    HostsPath: isRunning(container) ? `${etc}/hosts` : "",
    LogPath: isReadableFile ? deps.logPath(id) : "",
    Name: `/${name}`,
    RestartCount: container.state.restartCount,
    Driver: deps.driver,
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: nullIfEmpty(deps.execIds(id)),
    HostConfig: hostDetails(container, deps),
    GraphDriver: { Data: null, Name: deps.driver },
    ...(size === undefined ? {} : { SizeRw: size.rw, SizeRootFs: size.rootFs }),
    Mounts: container.mounts.filter(({ isUnlisted }) => isUnlisted !== true).map(mountDetails),
    Config: {
      ...config,
      Image: container.imageName,
      Cmd: listOf(config.Cmd) ?? null,
      Entrypoint: listOf(config.Entrypoint) ?? null,
      OnBuild: config.OnBuild ?? null,
      Volumes: Object.keys(config.Volumes ?? {}).length === 0 ? null : config.Volumes,
    },
    NetworkSettings: networkDetails(container, deps),
  };
}

function stateDetails({ state }: DockerContainer, run: ContainerRecord | undefined) {
  const { status, health } = state;
  const isUp = status === "running" || status === "paused";
  return {
    Status: status,
    Running: isUp || status === "restarting",
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: state.isOomKilled,
    Dead: status === "dead",
    Pid: isUp ? (run?.pid ?? 0) : 0,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: time(state.startedAt),
    FinishedAt: time(state.finishedAt),
    ...(health === undefined
      ? {}
      : {
          Health: {
            Status: health.status,
            FailingStreak: health.failingStreak,
            Log: health.log.map(({ start, end, exitCode, output }) => ({
              Start: time(start),
              End: time(end),
              ExitCode: exitCode,
              Output: output,
            })),
          },
        }),
  };
}

/** With the values that fields have when nobody asks for others: clients print them. */
function hostDetails(container: DockerContainer, { cgroupns, find }: ViewDeps) {
  const { hostConfig, mounts } = container;
  return {
    Binds: null,
    ContainerIDFile: "",
    AutoRemove: false,
    VolumeDriver: "",
    VolumesFrom: null,
    ConsoleSize: [0, 0],
    CapAdd: null,
    CapDrop: null,
    Dns: [],
    DnsOptions: [],
    DnsSearch: [],
    ExtraHosts: null,
    GroupAdd: null,
    Cgroup: "",
    OomScoreAdj: 0,
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    SecurityOpt: null,
    UTSMode: "",
    UsernsMode: "",
    Runtime: "crun",
    Isolation: "",
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    CgroupParent: "",
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: "",
    CpusetMems: "",
    Devices: [],
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    OomKillDisable: null,
    Ulimits: [],
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
    ...hostConfig,
    ...unset(hostConfig),
    PortBindings: bindingsOf(hostConfig),
    Links: nullIfEmpty(shownLinks(container, find)),
    CgroupnsMode: hostConfig.CgroupnsMode || cgroupns,
    ...(hostConfig.Memory && !hostConfig.MemorySwap ? { MemorySwap: hostConfig.Memory * 2 } : {}),
    ...(mounts.length === 0 ? { Mounts: undefined } : {}),
  };
}

function bindingsOf({ PortBindings }: DockerContainer["hostConfig"]) {
  const whole = Object.entries(PortBindings ?? {}).map(([port, bindings]) => [
    port,
    bindings?.map((binding) => ({ HostIp: "", HostPort: "", ...binding })) ?? bindings,
  ]);
  return Object.fromEntries(whole) as typeof PortBindings;
}

/** Clients send a value for what was not asked for; it is shown as nothing. */
function unset({ MemorySwappiness, PidsLimit, MaskedPaths, ReadonlyPaths, Privileged }: DockerContainer["hostConfig"]) {
  const [masked, readonly] =
    Privileged === true ? [null, null] : [facts.maskedPaths.default, facts.readonlyPaths.default];
  return {
    MemorySwappiness: MemorySwappiness === -1 ? null : (MemorySwappiness ?? null),
    PidsLimit: PidsLimit === 0 ? null : (PidsLimit ?? null),
    MaskedPaths: MaskedPaths ?? masked,
    ReadonlyPaths: ReadonlyPaths ?? readonly,
  };
}

function mountDetails(mount: MountPoint) {
  const { type, source, destination, mode, readonly, propagation, image } = mount;
  const name = mount.name ?? image?.name;
  return {
    Type: type,
    ...(name === undefined ? {} : { Name: name }),
    Source: source,
    Destination: destination,
    ...(type === "volume" ? { Driver: "local" } : {}),
    Mode: mode,
    RW: !readonly,
    Propagation: propagation ?? "",
  };
}

function networkDetails(container: DockerContainer, deps: ViewDeps) {
  const networks = endpointDetails(container, deps);
  const bridge = networks[DEFAULT_NETWORK];
  const { net } = { net: deps.etc(container.id).replace(/etc$/, "net") };
  return {
    Bridge: "",
    SandboxID: isRunning(container) ? container.id : "",
    SandboxKey: isRunning(container) ? net : "",
    Ports: isRunning(container) ? portTable(container, deps.networks?.published(container.id) ?? []) : {},
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? "",
    Gateway: bridge?.Gateway ?? "",
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? "",
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? "",
    MacAddress: bridge?.MacAddress ?? "",
    Networks: networks,
  };
}

function endpointDetails(container: DockerContainer, { networks }: Pick<ViewDeps, "networks">) {
  const mode = networkModeOf(container);
  const attached = networks?.attachments.filter(({ containerId }) => containerId === container.id) ?? [];
  const names = mode === "host" || mode === "none" ? [mode] : Object.keys(container.endpoints);
  return Object.fromEntries(
    names.map((name) => {
      const network = networks?.find(name);
      const attachment = attached.find(({ networkId }) => networkId === network?.id);
      return [
        name,
        endpointView(container.endpoints[name] ?? {}, network?.id ?? "", attachment, name !== DEFAULT_NETWORK),
      ];
    }),
  );
}

function endpointView(
  endpoint: EndpointDocument,
  networkId: string,
  attachment: Attachment | undefined,
  hasNames: boolean,
) {
  return {
    IPAMConfig: endpoint.IPAMConfig ?? null,
    Links: endpoint.Links ?? null,
    Aliases: nullIfEmpty(endpoint.Aliases ?? []),
    MacAddress: attachment?.macAddress ?? endpoint.MacAddress ?? "",
    DriverOpts: endpoint.DriverOpts ?? null,
    GwPriority: endpoint.GwPriority ?? 0,
    NetworkID: networkId,
    EndpointID: attachment?.endpointId ?? "",
    Gateway: attachment?.gateway ?? "",
    IPAddress: attachment?.address ?? "",
    IPPrefixLen: attachment?.prefixLength ?? 0,
    IPv6Gateway: attachment?.ipv6?.gateway ?? "",
    GlobalIPv6Address: attachment?.ipv6?.address ?? "",
    GlobalIPv6PrefixLen: attachment?.ipv6?.prefixLength ?? 0,
    DNSNames: hasNames ? nullIfEmpty(attachment?.names ?? []) : null,
  };
}

/** {"80/tcp": [{HostIp, HostPort}]}; exposed ports that lead nowhere are null. */
function portTable({ config }: DockerContainer, published: readonly PublishedPort[]) {
  const table: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const port of Object.keys(config.ExposedPorts ?? {})) table[normalPort(port)] = null;
  for (const { containerPort, protocol, hostAddress, hostPort } of published) {
    const key = `${containerPort}/${protocol}`;
    table[key] = [...(table[key] ?? []), { HostIp: hostAddress || "0.0.0.0", HostPort: String(hostPort) }];
  }
  return table;
}

/** An entry of `GET /containers/json` (ContainerSummary). */
export function containerSummary(
  container: DockerContainer,
  deps: ViewDeps,
  now: number,
  size?: { rw: number; rootFs: number },
) {
  const { id, name, config, hostConfig, state, command } = container;
  return {
    Id: id,
    Names: [`/${name}`, ...(deps.linkNames.get(id) ?? [])],
    Image: container.imageName,
    ImageID: container.imageId,
    Command: command.map((word) => (/[\s'"]/.test(word) ? `'${word}'` : word)).join(" "),
    Created: Math.floor(container.createdAt / 1000),
    Ports: portList(container, deps),
    ...(size === undefined ? {} : { SizeRw: size.rw, SizeRootFs: size.rootFs }),
    Labels: config.Labels ?? {},
    State: state.status,
    Status: statusText(container, now),
    HostConfig: { NetworkMode: hostConfig.NetworkMode ?? "bridge" },
    NetworkSettings: { Networks: endpointDetails(container, deps) },
    Mounts: container.mounts.filter(({ isUnlisted }) => isUnlisted !== true).map(mountDetails),
  };
}

function portList(container: DockerContainer, { networks }: ViewDeps) {
  if (!isRunning(container)) return [];
  const published = networks?.published(container.id) ?? [];
  const taken = new Set(published.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const exposed = Object.keys(container.config.ExposedPorts ?? {})
    .map(normalPort)
    .filter((port) => !taken.has(port));
  return [
    ...exposed.map((port) => ({ PrivatePort: Number(port.split("/")[0]), Type: port.split("/")[1] })),
    ...published.map(({ hostAddress, hostPort, containerPort, protocol }) => ({
      IP: hostAddress || "0.0.0.0",
      PrivatePort: containerPort,
      PublicPort: hostPort,
      Type: protocol,
    })),
  ];
}

/** "Up 3 minutes (healthy)", "Exited (1) 2 hours ago". */
function statusText({ state }: DockerContainer, now: number): string {
  const since = (at: number | undefined): string => humanDuration(Math.max(0, now - (at ?? now)));
  const health =
    state.health === undefined
      ? ""
      : ` (${state.health.status === "starting" ? "health: starting" : state.health.status})`;
  switch (state.status) {
    case "running":
      return `Up ${since(state.startedAt)}${health}`;
    case "paused":
      return `Up ${since(state.startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

/** As Docker words it: "Less than a second", "About a minute", "3 weeks". */
function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [minutes, hours] = [Math.floor(seconds / 60), Math.round(seconds / 3600)];
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}

export function time(ms: number | undefined): string {
  if (ms === undefined) return NEVER;
  const micros = String(Math.floor((ms % 1) * 1000)).padStart(3, "0");
  return `${new Date(Math.floor(ms)).toISOString().slice(0, 23)}${micros}000Z`;
}

function nullIfEmpty<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}
