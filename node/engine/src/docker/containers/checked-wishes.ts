import { isIP } from "node:net";
import { TsukubeError } from "@tsukube/foundation";
import { signals } from "@tsukube/kernel";
import facts from "../../../facts/container-defaults.json" with { type: "json" };
import { checkLogOptionNames, checkSets, checkTmpfsOptions } from "./checked-resources.ts";
import type { CreateDocument, HealthDocument, HostConfigDocument, ResourcesDocument } from "./documents.ts";
import { checkLogOptions } from "./log-rotation.ts";
import { checkSecurityOptions } from "./security-options.ts";

const CAPABILITIES = new Set<string>(facts.capabilities.allByNumber);
const MIN_MEMORY = 6 * 1024 * 1024;
/** What would not be a name in /etc/hosts. */
const BREAKS_FILES = /[\s/#\0]/;
const MIN_DURATION = 1_000_000;
const LOG_DRIVERS = ["json-file", "local", "none", ""];
const RESTART_POLICIES = ["", "no", "always", "unless-stopped", "on-failure"];

/** Refuses what cannot be: before anything is made. @throws {TsukubeError} `invalid`, `unsupported`. */
export function checkWishes(create: CreateDocument, processors: number): void {
  const host = create.HostConfig ?? {};
  const refuse = (message: string): never => {
    throw new TsukubeError("invalid", message);
  };
  checkResources(host, processors);
  if (create.WorkingDir && !create.WorkingDir.startsWith("/"))
    refuse(`the working directory '${create.WorkingDir}' is invalid, it needs to be an absolute path`);
  for (const entry of create.Env ?? [])
    if (entry === "" || entry.startsWith("=")) refuse(`invalid environment variable: ${entry}`);
  if (create.StopSignal) signalNumber(create.StopSignal);
  for (const name of [create.Hostname ?? "", create.Domainname ?? ""])
    if (name.length > 63 || BREAKS_FILES.test(name)) refuse(`invalid hostname: ${name}`);
  checkRestartPolicy(host);
  checkHealth(create.Healthcheck ?? undefined);
  const { Type: driver = "", Config: logOptions } = host.LogConfig ?? {};
  if (!LOG_DRIVERS.includes(driver)) refuse(`logger: no log driver named '${driver}' is registered`);
  checkLogOptionNames(driver, logOptions ?? {});
  checkLogOptions(logOptions ?? {}, driver);
  for (const [field, names] of [
    ["CapAdd", host.CapAdd],
    ["CapDrop", host.CapDrop],
  ] as const) {
    const unknown = (names ?? []).map(capabilityName).find((name) => name !== "ALL" && !CAPABILITIES.has(name));
    if (unknown !== undefined) refuse(`invalid ${field}: unknown capability: "${unknown}"`);
  }
  checkSecurityOptions(host.SecurityOpt ?? []);
  if ((host.DeviceRequests ?? []).length > 0) refuse('could not select device driver "" with capabilities: [[gpu]]');
  if (host.Runtime && !["crun", "runc", "io.containerd.runc.v2"].includes(host.Runtime))
    refuse(`unknown or invalid runtime name: ${host.Runtime}`);
  if (host.UsernsMode && host.UsernsMode !== "host") refuse("invalid user namespace mode");
  if (Object.keys(host.StorageOpt ?? {}).length > 0)
    throw new TsukubeError("unsupported", "--storage-opt is not supported: overlay snapshots have no quota here");
  if (host.Isolation && host.Isolation !== "default")
    refuse(`invalid isolation: "${host.Isolation}" - linux only supports 'default'`);
  const { IpcMode: ipc = "" } = host;
  if (!["", "none", "host", "private", "shareable"].includes(ipc) && !ipc.startsWith("container:"))
    refuse(`invalid IPC mode: ${ipc}`);
  for (const [path, options] of Object.entries(host.Tmpfs ?? {})) {
    if (!path.startsWith("/")) refuse(`invalid mount path: '${path}' mount path must be absolute`);
    checkTmpfsOptions(options);
  }
  if ((host.ShmSize ?? 0) < 0) refuse("SHM size can not be less than 0");
  const { OomScoreAdj: score = 0 } = host;
  if (Math.abs(score) > 1000) refuse(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  for (const entry of host.ExtraHosts ?? []) checkExtraHost(entry);
  for (const server of host.Dns ?? []) if (isIP(server) === 0) refuse(`invalid IP address: ${server}`);
  const endpoints = Object.values(create.NetworkingConfig?.EndpointsConfig ?? {});
  for (const mac of [create.MacAddress, ...endpoints.map((each) => each?.MacAddress)]) checkMac(mac ?? "");
  if (host.CgroupnsMode && !["host", "private"].includes(host.CgroupnsMode))
    refuse(`invalid cgroup namespace mode: ${host.CgroupnsMode}`);
  if ((host.Links ?? []).length > 0 && (host.NetworkMode ?? "").startsWith("container:"))
    refuse(
      "conflicting options: container type network can't be used with links. This would result in undefined behavior",
    );
  const joins = (host.NetworkMode ?? "").startsWith("container:");
  const isHost = host.NetworkMode === "host";
  if (joins && Object.keys(host.PortBindings ?? {}).length > 0)
    refuse("conflicting options: port publishing and the container type network mode");
  if (joins && create.Hostname) refuse("conflicting options: hostname and the network mode");
  if (joins && (host.Dns ?? []).length > 0) refuse("conflicting options: dns and the network mode");
  if (joins && (host.ExtraHosts ?? []).length > 0)
    refuse("conflicting options: custom host-to-IP mapping and the network mode");
  if (host.UTSMode === "host" && create.Hostname) refuse("conflicting options: hostname and the UTS mode");
  for (const name of Object.keys(host.Sysctls ?? {})) checkSysctl(name, isHost, host.IpcMode === "host");
  for (const { HostIp = "", HostPort = "" } of Object.values(host.PortBindings ?? {}).flatMap((each) => each ?? [])) {
    hostPortsOf(HostPort);
    if (HostIp !== "" && isIP(HostIp) === 0) refuse(`invalid IP address: ${HostIp}`);
    if (HostIp === "::1")
      throw new TsukubeError(
        "unsupported",
        "Cannot publish a port on ::1: the kernel leads nobody from there to a container, expected 127.0.0.1 or another address",
      );
  }
  for (const port of [...Object.keys(host.PortBindings ?? {}), ...Object.keys(create.ExposedPorts ?? {})])
    parsePort(port);
}

function checkExtraHost(entry: string): void {
  const [, name = "", address = ""] = /^([^:]*):(.*)$/s.exec(entry) ?? [];
  if (name === "" || BREAKS_FILES.test(name))
    throw new TsukubeError("invalid", `bad format for add-host: ${JSON.stringify(entry)}`);
  if (address !== "host-gateway" && isIP(address.replace(/^\[(.*)\]$/, "$1")) === 0)
    throw new TsukubeError("invalid", `invalid IP address in add-host: ${JSON.stringify(address)}`);
}

/** "" for none. @throws {TsukubeError} `invalid`. */
export function checkMac(mac: string): void {
  if (mac === "" || /^[\da-f]{2}([:-][\da-f]{2}){5}$/i.test(mac)) return;
  throw new TsukubeError("invalid", `address ${mac}: invalid MAC address`);
}

export function checkResources(host: ResourcesDocument, processors: number): void {
  const refuse = (message: string): never => {
    throw new TsukubeError("invalid", message);
  };
  const { Memory = 0, MemorySwap = 0, MemoryReservation = 0, NanoCpus = 0, CpuQuota = 0, CpuPeriod = 0 } = host;
  if (Memory > 0 && Memory < MIN_MEMORY) refuse("Minimum memory limit allowed is 6MB");
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory)
    refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (Memory === 0 && MemorySwap > 0)
    refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (Memory > 0 && MemoryReservation > Memory)
    refuse("Minimum memory limit can not be less than memory reservation limit, see usage");
  if (NanoCpus > 0 && CpuQuota > 0) refuse("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  if (NanoCpus > 0 && CpuPeriod > 0) refuse("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  if (NanoCpus < 0 || NanoCpus > processors * 1e9)
    refuse(`range of CPUs is from 0.01 to ${processors}.00, as there are only ${processors} CPUs available`);
  if (CpuQuota > 0 && CpuQuota < 1000) refuse("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (CpuPeriod > 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000))
    refuse("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  checkSets(host);
  if (host.BlkioWeight && (host.BlkioWeight < 10 || host.BlkioWeight > 1000))
    refuse("range of blkio weight is from 10 to 1000");
  const { MemorySwappiness: swappiness } = host;
  if (swappiness != null && (swappiness < -1 || swappiness > 100))
    refuse(`invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
}

/** @throws {TsukubeError} `invalid`. */
export function checkRestartPolicy(host: HostConfigDocument): void {
  const { Name: name = "", MaximumRetryCount: retries = 0 } = host.RestartPolicy ?? {};
  if (!RESTART_POLICIES.includes(name))
    throw new TsukubeError(
      "invalid",
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  if (retries !== 0 && name !== "on-failure")
    throw new TsukubeError("invalid", "invalid restart policy: maximum retry count can only be used with 'on-failure'");
  if (retries < 0) throw new TsukubeError("invalid", "invalid restart policy: maximum retry count cannot be negative");
  if (host.AutoRemove === true && name !== "" && name !== "no")
    throw new TsukubeError("invalid", "can't create 'AutoRemove' container with restart policy");
}

function checkHealth(health: HealthDocument | undefined): void {
  const names = {
    Interval: "Interval",
    Timeout: "Timeout",
    StartPeriod: "StartPeriod",
    StartInterval: "StartInterval",
  };
  for (const name of Object.keys(names) as (keyof typeof names)[]) {
    const value = health?.[name] ?? 0;
    if (value !== 0 && value < MIN_DURATION)
      throw new TsukubeError("invalid", `${name} in Healthcheck cannot be less than 1ms`);
  }
  if ((health?.Retries ?? 0) < 0) throw new TsukubeError("invalid", "Retries in Healthcheck cannot be negative");
}

/** Those of namespaces that a container has of its own. */
function checkSysctl(name: string, hasHostNetwork: boolean, hasHostIpc: boolean): void {
  const isNet = name.startsWith("net.");
  const isIpc = /^kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|^fs\.mqueue\./.test(name);
  if (isNet && hasHostNetwork)
    throw new TsukubeError("invalid", `sysctl '${name}' not allowed in host network namespace`);
  if ((isIpc && hasHostIpc) || !(isNet || isIpc))
    throw new TsukubeError("invalid", `sysctl '${name}' is not in a separate kernel namespace`);
}

function capabilityName(text: string): string {
  const name = text.toUpperCase();
  return name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`;
}

/** "80/tcp", "53/udp", "80". @throws {TsukubeError} `invalid`. */
export function parsePort(text: string): { readonly port: number; readonly protocol: "tcp" | "udp" | "sctp" } {
  const [number = "", protocol = "tcp"] = text.toLowerCase().split("/");
  const port = Number(number);
  if (!/^\d+$/.test(number) || port < 1 || port > 65_535)
    throw new TsukubeError("invalid", `invalid port specification: "${text}"`);
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp")
    throw new TsukubeError("invalid", `invalid port specification: "${text}": unknown protocol`);
  return { port, protocol };
}

/** The first and the last of "8080", "8000-8010"; undefined for any. @throws {TsukubeError} `invalid`. */
export function hostPortsOf(text: string): readonly [number, number] | undefined {
  const [first = 0, last = first] = text === "" ? [] : text.split("-").map(Number);
  if (!/^(\d+(-\d+)?)?$/.test(text) || last < first || last > 65_535)
    throw new TsukubeError("invalid", `invalid published port: "${text}"`);
  return first === 0 ? undefined : [first, last];
}

/** The number of "9", "KILL", "SIGKILL", "SIGRTMIN+3". @throws {TsukubeError} `invalid`. */
export function signalNumber(text: string): number {
  const upper = text.toUpperCase();
  const realtime = /^(?:SIG)?RTM(IN|AX)(?:([+-])(\d+))?$/.exec(upper);
  const [base, offset] = [realtime?.[1] === "AX" ? 64 : 34, Number(realtime?.[3] ?? 0)];
  const number = /^\d+$/.test(text)
    ? Number(text)
    : realtime !== null
      ? base + (realtime[2] === "-" ? -offset : offset)
      : signals[upper.startsWith("SIG") ? upper : `SIG${upper}`];
  if (number === undefined || number < 1 || number > 64) throw new TsukubeError("invalid", `invalid signal: ${text}`);
  return number;
}
