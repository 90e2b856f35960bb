import { readdirSync, statSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";
import { type Cgroups, deviceNumbers } from "@tsukube/kernel";
import type { ContainerConfig, Mount } from "@tsukube/node-contracts/cri";
import facts from "../../../facts/container-defaults.json" with { type: "json" };
import { given } from "../../containers/given.ts";
import { rlimitOf } from "../../containers/rlimits.ts";
import { type DockerProfile, fromDockerProfile } from "../../containers/seccomp.ts";
import type { OciMount, OciSpec } from "../../containers/spec.ts";
import { signalNumber } from "./checked-wishes.ts";
import { canBeReadonlyBelow } from "./container-mounts.ts";
import type { DockerContainer, MountPoint } from "./container-record.ts";
import type { DeviceRate, HostConfigDocument, ResourcesDocument } from "./documents.ts";
import { isSecurityOptionSet, securityOption } from "./security-options.ts";

/** The program that containers with `--init` have as their first process, where it appears in them. */
const INIT = "/sbin/docker-init";
const DEFAULT_PERIOD = 100_000;

/** What of a container the core's own configuration can say; {@link adjustSpec} adds the rest. */
export function coreConfig(
  container: DockerContainer,
  logPath: string,
  pidTarget: string | undefined,
): ContainerConfig {
  const { config, hostConfig, command } = container;
  const security = hostConfig.SecurityOpt;
  const unmasked = hostConfig.Privileged === true || securityOption(security, "systempaths") === "unconfined";
  const pid =
    pidTarget !== undefined
      ? { pid: "TARGET" as const, targetId: pidTarget }
      : hostConfig.PidMode === "host"
        ? { pid: "NODE" as const }
        : {};
  return {
    metadata: { name: container.name, attempt: 0 },
    command: hostConfig.Init === true ? [INIT, "--", ...command] : command,
    workingDir: config.WorkingDir || "/",
    envs: (config.Env ?? []).map((entry) => {
      const at = entry.indexOf("=");
      return { key: entry.slice(0, at), value: Buffer.from(entry.slice(at + 1)) };
    }),
    mounts: container.mounts.filter(({ type }) => type !== "tmpfs").map(coreMount),
    devices: (hostConfig.Devices ?? []).map(({ PathOnHost = "", PathInContainer, CgroupPermissions }) => ({
      hostPath: PathOnHost,
      containerPath: PathInContainer || PathOnHost,
      permissions: CgroupPermissions || "rwm",
    })),
    logPath,
    stdin: config.OpenStdin === true,
    // a terminal can be left and come back to
    stdinOnce: config.StdinOnce === true && config.Tty !== true,
    tty: config.Tty === true,
    linux: {
      resources: { oomScoreAdj: hostConfig.OomScoreAdj ?? 0 },
      securityContext: {
        ...(config.User ? { runAsUsername: config.User } : {}),
        privileged: hostConfig.Privileged === true,
        capabilities: {
          addCapabilities: [...(hostConfig.CapAdd ?? [])],
          dropCapabilities: [...(hostConfig.CapDrop ?? [])],
        },
        readonlyRootfs: hostConfig.ReadonlyRootfs === true,
        noNewPrivs: isSecurityOptionSet(security, "no-new-privileges"),
        namespaceOptions: pid,
        seccomp: { profileType: isSeccompDefault(security) ? "RuntimeDefault" : "Unconfined" },
        maskedPaths: unmasked ? [] : [...(hostConfig.MaskedPaths ?? facts.maskedPaths.default)],
        readonlyPaths: unmasked ? [] : [...(hostConfig.ReadonlyPaths ?? facts.readonlyPaths.default)],
      },
    },
  };
}

function coreMount(mount: MountPoint): Mount {
  const { source, destination, readonly, propagation, nonRecursive, image, subpath = "" } = mount;
  if (image !== undefined)
    return { image: { image: image.id }, imageSubPath: subpath, containerPath: destination, mountOptions: ["exec"] };
  const kinds = { shared: "PROPAGATION_BIDIRECTIONAL", slave: "PROPAGATION_HOST_TO_CONTAINER" } as const;
  const kind = (propagation ?? "").replace(/^r/, "") as keyof typeof kinds;
  return {
    hostPath: source,
    containerPath: destination,
    readonly,
    propagation: kinds[kind] ?? "PROPAGATION_PRIVATE",
    mountOptions: [
      ...(nonRecursive === true ? ["bind"] : []),
      ...(readonly && nonRecursive !== true && mount.isReadonlyAlone !== true && canBeReadonlyBelow() ? ["rro"] : []),
    ],
  };
}

export interface Limiting {
  readonly cgroupVersion: 1 | 2;
  /** Its kernel accounts for what is swapped: others refuse limits for it. */
  readonly limitsSwap: boolean;
}

export function limitingOf(cgroups: Pick<Cgroups, "version" | "limitsSwap">): Limiting {
  return { cgroupVersion: cgroups.version, limitsSwap: cgroups.limitsSwap() };
}

/** What the host can give. */
export interface HostAbilities {
  /** Limits may be raised above ours. */
  readonly canRaiseLimits: boolean;
  /** Of how it limits what processes use. */
  readonly limiting: Limiting;
  /** The init program; undefined where there is none. */
  readonly init?: string;
}

/** Adds to the runtime's configuration what only Docker's API can ask for. */
export function adjustSpec(spec: OciSpec, container: DockerContainer, host: HostAbilities): OciSpec {
  const { hostConfig } = container;
  const { process, linux, mounts } = spec;
  const capabilities = (process["capabilities"] as { bounding?: readonly string[] } | undefined)?.bounding ?? [];
  const seccomp = ownSeccomp(hostConfig.SecurityOpt, capabilities);
  const rlimits = (hostConfig.Ulimits ?? []).map((limit) => rlimitOf(limit, host.canRaiseLimits));
  return {
    ...spec,
    process: {
      ...process,
      ...(rlimits.length > 0 ? { rlimits } : {}),
      ...(container.config.Tty === true && consoleSize(hostConfig.ConsoleSize)),
    },
    ...(container.config.Domainname ? { domainname: container.config.Domainname } : {}),
    annotations: { ...hostConfig.Annotations },
    mounts: mountsOf(mounts, container, host),
    linux: {
      ...linux,
      ...(seccomp === undefined ? {} : { seccomp }),
      namespaces: namespacesOf(linux.namespaces, hostConfig.CgroupnsMode ?? ""),
      resources: {
        ...linux.resources,
        ...resourcesOf(hostConfig, host.limiting),
        devices: [...linux.resources.devices, ...(hostConfig.DeviceCgroupRules ?? []).map(deviceRule)],
      },
    },
  };
}

/** Which view of control groups a container has by default depends on their version: the core knows. */
function namespacesOf(all: OciSpec["linux"]["namespaces"], mode: string): OciSpec["linux"]["namespaces"] {
  const others = all.filter(({ type }) => type !== "cgroup");
  if (mode === "") return all;
  return mode === "private" ? [...others, { type: "cgroup" }] : others;
}

function consoleSize(size: readonly number[] | undefined): object {
  const [height = 0, width = 0] = size ?? [];
  return height > 0 && width > 0 ? { consoleSize: { height, width } } : {};
}

function mountsOf(mounts: readonly OciMount[], container: DockerContainer, host: HostAbilities): readonly OciMount[] {
  const { hostConfig } = container;
  const own = container.mounts.filter(({ type }) => type === "tmpfs");
  const taken = new Set(own.map(({ destination }) => destination));
  const isHidden = hostConfig.IpcMode === "none" ? "/dev/shm" : undefined;
  const tmpfs = own.map(({ destination, options = [], readonly }) => ({
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: [
      ...new Set([
        ...defaultsFor(options),
        ...options.filter((option) => option !== "ro" && option !== "rw"),
        readonly ? "ro" : "rw",
      ]),
    ],
  }));
  const init: OciMount[] = [];
  if (hostConfig.Init === true) {
    if (host.init === undefined)
      throw new TsukubeError(
        "unsupported",
        "Cannot run a container with --init: no tini-static here, expected the package tini",
      );
    init.push({ destination: INIT, type: "bind", source: host.init, options: ["bind", "ro"] });
  }
  const rewritten = isSecurityOptionSet(hostConfig.SecurityOpt, "writable-cgroups")
    ? mounts.map((mount) => (mount.type === "cgroup" ? writable(mount) : mount))
    : mounts;
  const kept = rewritten.filter(({ destination }) => !taken.has(destination) && destination !== isHidden);
  const all = [...kept.map(nonRecursive), ...tmpfs, ...init];
  return all.sort((a, b) => depthOf(a.destination) - depthOf(b.destination));
}

function writable(mount: OciMount): OciMount {
  return { ...mount, options: mount.options.map((option) => (option === "ro" ? "rw" : option)) };
}

/** A bind that says "bind" does not take along what is mounted below its source. */
function nonRecursive(mount: OciMount): OciMount {
  if (!mount.options.includes("bind") || !mount.options.includes("rbind")) return mount;
  return { ...mount, options: mount.options.filter((option) => option !== "rbind") };
}

function defaultsFor(options: readonly string[]): readonly string[] {
  const undone = new Set(
    options.flatMap((option) => (["exec", "suid", "dev"].includes(option) ? [`no${option}`] : [])),
  );
  return ["noexec", "nosuid", "nodev"].filter((option) => !undone.has(option));
}

function depthOf(path: string): number {
  return path.split("/").filter((part) => part !== "").length;
}

function isSeccompDefault(options: readonly string[] | null | undefined): boolean {
  return ["builtin", undefined].includes(securityOption(options, "seccomp"));
}

/** A profile whose text the client sends along. */
function ownSeccomp(
  options: readonly string[] | null | undefined,
  capabilities: readonly string[],
): object | undefined {
  const wanted = securityOption(options, "seccomp");
  if (wanted === undefined || wanted === "unconfined" || isSeccompDefault(options)) return undefined;
  try {
    const { syscalls, ...rest } = JSON.parse(wanted) as Omit<DockerProfile, "rules"> & {
      syscalls?: DockerProfile["rules"];
    };
    return fromDockerProfile({ ...rest, rules: (syscalls ?? []).map(withNames) }, capabilities);
  } catch (cause) {
    throw new TsukubeError("invalid", "Decoding seccomp profile failed: expected a profile in Docker's form", {
      cause,
    });
  }
}

function withNames(rule: DockerProfile["rules"][number] & { readonly name?: string }): DockerProfile["rules"][number] {
  const { name, ...rest } = rule;
  return name === undefined ? rest : { ...rest, names: [...(rest.names ?? []), name] };
}

/** "c 10:200 rwm". */
function deviceRule(rule: string): object {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(rule);
  if (match === null) throw new TsukubeError("invalid", `invalid device cgroup rule format: '${rule}'`);
  const [, type, major, minor, access] = match;
  const number = (name: string, text: string | undefined): object => (text === "*" ? {} : { [name]: Number(text) });
  return { allow: true, type, ...number("major", major), ...number("minor", minor), access };
}

/** `linux.resources`; only what is asked for, because runtimes refuse what the host lacks. */
export function resourcesOf(host: ResourcesDocument, { cgroupVersion, limitsSwap }: Limiting): Record<string, unknown> {
  const { Memory = 0, MemorySwap = 0, NanoCpus = 0, BlkioWeight = 0 } = host;
  const swap = MemorySwap !== 0 ? MemorySwap : Memory > 0 ? Memory * 2 : 0;
  const isFirst = cgroupVersion === 1;
  const memory = {
    ...given({
      limit: Memory,
      swap: limitsSwap ? swap : 0,
      reservation: host.MemoryReservation,
      disableOOMKiller: isFirst && host.OomKillDisable === true ? true : undefined,
    }),
    ...(isFirst && hasSwappiness(host) && { swappiness: host.MemorySwappiness }),
  };
  const cpu = given({
    shares: host.CpuShares,
    quota: NanoCpus > 0 ? Math.round((NanoCpus * DEFAULT_PERIOD) / 1e9) : host.CpuQuota,
    period: NanoCpus > 0 ? DEFAULT_PERIOD : host.CpuPeriod,
    cpus: host.CpusetCpus,
    mems: host.CpusetMems,
  });
  const limit = host.PidsLimit ?? 0;
  const blockIO = given({
    weight: BlkioWeight > 0 && hasBlockWeights() ? BlkioWeight : 0,
    throttleReadBpsDevice: rates(host.BlkioDeviceReadBps),
    throttleWriteBpsDevice: rates(host.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: rates(host.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: rates(host.BlkioDeviceWriteIOps),
  });
  return given({ memory, cpu, pids: limit > 0 ? { limit } : undefined, blockIO });
}

function hasSwappiness({ MemorySwappiness }: ResourcesDocument): boolean {
  return MemorySwappiness != null && MemorySwappiness >= 0;
}

function rates(devices: readonly DeviceRate[] | null | undefined): readonly object[] {
  return (devices ?? []).map(({ Path = "", Rate = 0 }) => {
    const device = statSync(Path, { throwIfNoEntry: false });
    if (device === undefined) throw new TsukubeError("invalid", `stat ${Path}: no such file or directory`);
    return { ...deviceNumbers(device.rdev), rate: Rate };
  });
}

/** What is left out of what a client wishes, in words for it. */
export function ignoredWishes(host: HostConfigDocument, cgroupVersion: 1 | 2): readonly string[] {
  const lacks = (what: string, short: string): string =>
    `Your kernel does not support Block I/O ${what} or the cgroup is not mounted. ${short} discarded.`;
  const isUnweighted = !hasBlockWeights();
  const isSecond = cgroupVersion === 2; // whose groups have neither
  return [
    ...(isSecond && hasSwappiness(host)
      ? [
          "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
        ]
      : []),
    ...(isSecond && host.OomKillDisable === true
      ? ["Your kernel does not support OomKillDisable. OomKillDisable discarded."]
      : []),
    ...(isUnweighted && (host.BlkioWeight ?? 0) > 0 ? [lacks("weight", "Weight")] : []),
    ...(isUnweighted && (host.BlkioWeightDevice ?? []).length > 0 ? [lacks("weight_device", "Weight-device")] : []),
    ...(host.NetworkMode === "host" && Object.keys(host.PortBindings ?? {}).length > 0
      ? ["Published ports are discarded when using host network mode"]
      : []),
  ];
}

/** Whether the kernel shares disks by weight. */
function hasBlockWeights(): boolean {
  // with version 2 the root itself has no weight; where one of the others has it, or this file stands there, all have
  const files = ["blkio/blkio.weight", "blkio/blkio.bfq.weight", "io.cost.qos"];
  const groups = readdirSync("/sys/fs/cgroup", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...files, ...groups.map(({ name }) => `${name}/io.bfq.weight`)].some((file) =>
    exists(`/sys/fs/cgroup/${file}`),
  );
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** As the core takes it: "SIGTERM", or a number. */
export function stopSignalOf({ config }: DockerContainer): number {
  return signalNumber(config.StopSignal || "SIGTERM");
}
