import { resolve } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { bytesOf, linesOf, malformed, nanosecondsOf, splitOnce, tableOf, textOf } from "./flag-values.ts";
import { mountOf } from "./mount-flag.ts";
import { publishedPorts } from "./publish-flag.ts";

type Texts = readonly string[];

/** Flags of `tsukube run` and `tsukube create`, named as docker's. */
export interface RunOptions extends NetworkFlags, HealthFlags, ResourceFlags {
  readonly detach?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly rm?: boolean;
  readonly name?: string;
  readonly volume?: Texts;
  readonly mount?: Texts;
  readonly volumesFrom?: Texts;
  readonly tmpfs?: Texts;
  readonly env?: Texts;
  readonly envFile?: Texts;
  readonly label?: Texts;
  readonly labelFile?: Texts;
  readonly restart?: string;
  readonly entrypoint?: string;
  readonly workdir?: string;
  readonly user?: string;
  readonly groupAdd?: Texts;
  readonly init?: boolean;
  readonly stopSignal?: string;
  /** Seconds. */
  readonly stopTimeout?: number;
  readonly logDriver?: string;
  readonly logOpt?: Texts;
  readonly platform?: string;
  readonly readOnly?: boolean;
  readonly privileged?: boolean;
  readonly capAdd?: Texts;
  readonly capDrop?: Texts;
  readonly securityOpt?: Texts;
  readonly sysctl?: Texts;
  readonly pid?: string;
  readonly ipc?: string;
  readonly uts?: string;
  readonly cgroupns?: string;
  readonly cgroupParent?: string;
}

interface NetworkFlags {
  readonly publish?: Texts;
  readonly publishAll?: boolean;
  readonly expose?: Texts;
  readonly network?: string;
  readonly networkAlias?: Texts;
  readonly ip?: string;
  readonly ip6?: string;
  readonly dns?: Texts;
  readonly dnsSearch?: Texts;
  readonly dnsOption?: Texts;
  readonly addHost?: Texts;
  readonly hostname?: string;
  readonly domainname?: string;
}

interface HealthFlags {
  /** False only for `--no-healthcheck`. */
  readonly healthcheck?: boolean;
  readonly healthCmd?: string;
  readonly healthInterval?: string;
  readonly healthTimeout?: string;
  readonly healthRetries?: number;
  readonly healthStartPeriod?: string;
  readonly healthStartInterval?: string;
}

interface ResourceFlags {
  readonly memory?: string;
  readonly memorySwap?: string;
  readonly memoryReservation?: string;
  readonly oomScoreAdj?: number;
  readonly cpus?: string;
  readonly cpuShares?: number;
  readonly cpuPeriod?: number;
  readonly cpuQuota?: number;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly pidsLimit?: number;
  readonly blkioWeight?: number;
  readonly deviceReadBps?: Texts;
  readonly deviceWriteBps?: Texts;
  readonly deviceReadIops?: Texts;
  readonly deviceWriteIops?: Texts;
  readonly shmSize?: string;
  readonly ulimit?: Texts;
  readonly device?: Texts;
  readonly deviceCgroupRule?: Texts;
}

/** Pure but for files that flags name: the body of `POST /containers/create`. @throws {TsukubeError} `usage`. */
export function createDocument(image: string, command: Texts, options: RunOptions): object {
  const { detach = false, interactive = false, tty = false } = options;
  const attached = !detach;
  const ports = (options.publish ?? []).flatMap(publishedPorts);
  const exposed = (options.expose ?? []).map((port) => (port.includes("/") ? port : `${port}/tcp`));
  const health = healthOf(options);
  return {
    Image: image,
    ...(command.length > 0 ? { Cmd: command } : {}),
    ...(options.entrypoint === undefined ? {} : { Entrypoint: [options.entrypoint] }),
    ...{ Tty: tty, OpenStdin: interactive, StdinOnce: interactive && attached },
    ...{ AttachStdin: interactive && attached, AttachStdout: attached, AttachStderr: attached },
    Env: [...(options.envFile ?? []).flatMap(linesOf), ...(options.env ?? [])].flatMap(withValue),
    Labels: Object.fromEntries(
      [...(options.labelFile ?? []).flatMap(linesOf), ...(options.label ?? [])].map((label) => splitOnce(label, "=")),
    ),
    ...{ WorkingDir: options.workdir ?? "", User: options.user ?? "" },
    ...{ Hostname: options.hostname ?? "", Domainname: options.domainname ?? "" },
    ...(options.stopSignal === undefined ? {} : { StopSignal: options.stopSignal }),
    ...(options.stopTimeout === undefined ? {} : { StopTimeout: options.stopTimeout }),
    ...(health === undefined ? {} : { Healthcheck: health }),
    ExposedPorts: Object.fromEntries([...exposed, ...ports.map(({ port }) => port)].map((port) => [port, {}])),
    HostConfig: {
      ...hostOf(options),
      ...resourcesOf(options),
      PortBindings: Object.fromEntries(
        ports.map(({ port }) => [port, ports.filter((other) => other.port === port).map(({ binding }) => binding)]),
      ),
      ...(tty && process.stdout.rows > 0 ? { ConsoleSize: [process.stdout.rows, process.stdout.columns] } : {}),
    },
    NetworkingConfig: { EndpointsConfig: endpointsOf(options) },
  };
}

function hostOf(options: RunOptions): object {
  const [policy = "no", retries = "0"] = (options.restart ?? "no").split(":");
  if (!/^\d+$/.test(retries)) throw malformed("--restart", options.restart ?? "", "on-failure:3");
  const security = options.securityOpt ?? [];
  const isOpen = security.includes("systempaths=unconfined");
  return {
    ...{ Binds: (options.volume ?? []).map(bind), VolumesFrom: options.volumesFrom ?? [] },
    Mounts: (options.mount ?? []).map(mountOf),
    Tmpfs: Object.fromEntries((options.tmpfs ?? []).map((each) => splitOnce(each, ":"))),
    ...{ PublishAllPorts: options.publishAll === true, NetworkMode: options.network ?? "default" },
    ...{ Dns: options.dns ?? [], DnsSearch: options.dnsSearch ?? [], DnsOptions: options.dnsOption ?? [] },
    ExtraHosts: (options.addHost ?? []).map(extraHost),
    RestartPolicy: { Name: policy, MaximumRetryCount: Number(retries) },
    ...{ AutoRemove: options.rm === true, GroupAdd: options.groupAdd ?? [] },
    ...(options.init === true ? { Init: true } : {}),
    ...{ ReadonlyRootfs: options.readOnly === true, Privileged: options.privileged === true },
    ...{ CapAdd: options.capAdd ?? [], CapDrop: options.capDrop ?? [] },
    SecurityOpt: security.filter((option) => option !== "systempaths=unconfined").map(securityOption),
    ...(isOpen ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    Sysctls: tableOf("--sysctl", options.sysctl ?? []),
    ...{ PidMode: options.pid ?? "", IpcMode: options.ipc ?? "", UTSMode: options.uts ?? "" },
    ...{ CgroupnsMode: options.cgroupns ?? "", CgroupParent: options.cgroupParent ?? "" },
    LogConfig: { Type: options.logDriver ?? "", Config: tableOf("--log-opt", options.logOpt ?? []) },
  };
}

function resourcesOf(options: ResourceFlags): object {
  const bytes = (what: string, text: string | undefined): number => (text === undefined ? 0 : bytesOf(what, text));
  return {
    Memory: bytes("--memory", options.memory),
    MemorySwap: options.memorySwap === "-1" ? -1 : bytes("--memory-swap", options.memorySwap),
    MemoryReservation: bytes("--memory-reservation", options.memoryReservation),
    OomScoreAdj: options.oomScoreAdj ?? 0,
    NanoCpus: options.cpus === undefined ? 0 : processors(options.cpus),
    ...{ CpuShares: options.cpuShares ?? 0, CpuPeriod: options.cpuPeriod ?? 0, CpuQuota: options.cpuQuota ?? 0 },
    ...{ CpusetCpus: options.cpusetCpus ?? "", CpusetMems: options.cpusetMems ?? "" },
    ...{ PidsLimit: options.pidsLimit ?? 0, BlkioWeight: options.blkioWeight ?? 0 },
    BlkioDeviceReadBps: (options.deviceReadBps ?? []).map((text) => rateOf("--device-read-bps", text, bytesOf)),
    BlkioDeviceWriteBps: (options.deviceWriteBps ?? []).map((text) => rateOf("--device-write-bps", text, bytesOf)),
    BlkioDeviceReadIOps: (options.deviceReadIops ?? []).map((text) => rateOf("--device-read-iops", text, timesOf)),
    BlkioDeviceWriteIOps: (options.deviceWriteIops ?? []).map((text) => rateOf("--device-write-iops", text, timesOf)),
    ShmSize: bytes("--shm-size", options.shmSize),
    Ulimits: (options.ulimit ?? []).map(ulimitOf),
    ...{ Devices: (options.device ?? []).map(deviceOf), DeviceCgroupRules: options.deviceCgroupRule ?? [] },
  };
}

function endpointsOf({ network, networkAlias = [], ip, ip6 }: NetworkFlags): object {
  const own = { ...(ip === undefined ? {} : { IPv4Address: ip }), ...(ip6 === undefined ? {} : { IPv6Address: ip6 }) };
  const isGiven = Object.keys(own).length > 0;
  if (network === undefined && networkAlias.length === 0 && !isGiven) return {};
  const address = isGiven ? { IPAMConfig: own } : {};
  return { [network ?? "default"]: { Aliases: networkAlias, ...address } };
}

function healthOf(options: HealthFlags): object | undefined {
  const { healthCmd: command, healthRetries: retries = 0 } = options;
  const time = (what: string, text: string | undefined): number => (text === undefined ? 0 : nanosecondsOf(what, text));
  const times = {
    Interval: time("--health-interval", options.healthInterval),
    Timeout: time("--health-timeout", options.healthTimeout),
    StartPeriod: time("--health-start-period", options.healthStartPeriod),
    StartInterval: time("--health-start-interval", options.healthStartInterval),
  };
  const isAsked = command !== undefined || retries > 0 || Object.values(times).some((each) => each > 0);
  if (options.healthcheck === false) {
    if (!isAsked) return { Test: ["NONE"] };
    throw new TsukubeError("usage", "Cannot use --no-healthcheck with --health-* flags: expected one or the others");
  }
  if (!isAsked) return undefined;
  return { ...(command === undefined ? {} : { Test: ["CMD-SHELL", command] }), ...times, Retries: retries };
}

/** Paths of the host may be relative to the present folder. */
function bind(text: string): string {
  const [source = "", ...rest] = text.split(":");
  return source.startsWith(".") ? [resolve(source), ...rest].join(":") : text;
}

/** "NAME" alone takes the value that it has here. */
function withValue(entry: string): Texts {
  if (entry.includes("=")) return [entry];
  const value = process.env[entry];
  return value === undefined ? [] : [`${entry}=${value}`];
}

/** The engine may be elsewhere: profiles travel as text. */
function securityOption(text: string): string {
  const [name, value] = text.split(/[=:](.*)/s);
  return name === "seccomp" && value !== undefined && value !== "unconfined"
    ? `seccomp=${textOf(value)}`
    : text.replace(/^no-new-privileges$/, "no-new-privileges:true");
}

export function extraHost(text: string): string {
  const [, name, address] = /^([^:=]+)[:=](.+)$/.exec(text) ?? [];
  if (name === undefined || address === undefined) throw malformed("--add-host", text, "db:10.0.0.5");
  return `${name}:${address.replace(/^\[(.*)\]$/, "$1")}`;
}

function processors(text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw malformed("--cpus", text, "1.5");
  return Math.round(number * 1e9);
}

function rateOf(what: string, text: string, parse: (what: string, text: string) => number): object {
  const [, path, rate = ""] = /^(\/dev\/[^:]+):(.+)$/.exec(text) ?? [];
  if (path === undefined) throw malformed(what, text, "/dev/sda:1000");
  return { Path: path, Rate: parse(what, rate) };
}

function timesOf(what: string, text: string): number {
  if (!/^\d+$/.test(text)) throw malformed(what, text, "/dev/sda:1000");
  return Number(text);
}

export function ulimitOf(text: string): object {
  const [, name, soft, hard = soft] = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text) ?? [];
  if (name === undefined) throw malformed("--ulimit", text, "nofile=1024:2048");
  return { Name: name, Soft: Number(soft), Hard: Number(hard) };
}

/** "/dev/a", "/dev/a:/dev/b", "/dev/a:r", "/dev/a:/dev/b:rw". */
function deviceOf(text: string): object {
  const [outside = "", ...rest] = text.split(":");
  const permissions = /^[rwm]+$/.test(rest.at(-1) ?? "") ? rest.pop() : "rwm";
  const [inside = outside, ...more] = rest;
  if (!outside.startsWith("/") || !inside.startsWith("/") || more.length > 0)
    throw malformed("--device", text, "/dev/fuse:/dev/fuse:rwm");
  return { PathOnHost: outside, PathInContainer: inside, CgroupPermissions: permissions };
}
