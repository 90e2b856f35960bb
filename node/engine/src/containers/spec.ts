import { TsukubeError } from "@tsukube/foundation";
import type { ContainerConfig, LinuxContainerResources } from "@tsukube/node-contracts/cri";
import facts from "../../facts/container-defaults.json" with { type: "json" };
import type { ImageConfig } from "../images/image-store.ts";
import type { SandboxRecord } from "../sandboxes/sandbox-record.ts";
import { capabilitiesOf } from "./capabilities.ts";
import type { DeviceNode } from "./devices.ts";
import { given } from "./given.ts";
import { rootfsPropagation } from "./propagation.ts";
import { seccompOf } from "./seccomp.ts";
import type { ResolvedUser } from "./users.ts";

export interface SpecInput {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly sandbox: SandboxRecord;
  readonly image: ImageConfig;
  readonly rootfs: string;
  readonly user: ResolvedUser;
  readonly cgroupPath: string;
  readonly cgroupVersion: 1 | 2;
  /** That the machine limits. */
  readonly hugepageSizes: readonly string[];
  /** Capabilities that the host lets us give. */
  readonly bounding: ReadonlySet<string>;
  /** Of this process: without CAP_SYS_RESOURCE a container's cannot be lower. */
  readonly ownOomScoreAdj: number;
  readonly canLowerOomScore: boolean;
  /** Nodes in its /dev besides those that every container has. */
  readonly devices?: readonly DeviceNode[];
  /** Pid namespace to join: of the sandbox, or of the target container. */
  readonly pidNamespace?: string;
}

/** What is changed of it elsewhere; the rest passes through (OCI runtime spec, config.md). */
export interface OciSpec {
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly mounts: readonly OciMount[];
  readonly linux: {
    readonly namespaces: readonly { readonly type: string; readonly path?: string }[];
    readonly resources: Readonly<Record<string, unknown>> & { readonly devices: readonly object[] };
    readonly seccomp?: object;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface OciProcess {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly oomScoreAdj?: number;
  readonly [field: string]: unknown;
}

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

interface Defaults {
  readonly mounts: {
    readonly cri: readonly OciMount[];
    readonly criPropagation: Readonly<Record<string, readonly string[]>>;
  };
}

function defaults(): Defaults {
  return facts;
}

/** The OCI runtime configuration of a container (OCI runtime spec, config.md). Pure but for the facts that it reads once. */
export function specOf(input: SpecInput): OciSpec {
  const { config, sandbox } = input;
  const security = config.linux?.securityContext ?? undefined;
  const privileged = security?.privileged === true;
  const seccomp = privileged
    ? undefined
    : seccompOf(security?.seccomp ?? undefined, capabilitiesOf(security, input.bounding).bounding);
  const propagation = rootfsPropagation(config.mounts ?? []);
  return {
    ociVersion: "1.0.2",
    process: processOf(input),
    root: { path: input.rootfs, readonly: security?.readonlyRootfs === true },
    ...(sandbox.namespaces.uts === undefined ? {} : { hostname: sandbox.hostname }),
    mounts: mountsOf(input, privileged),
    annotations: { ...config.annotations },
    linux: {
      cgroupsPath: input.cgroupPath,
      namespaces: namespacesOf(input, privileged),
      ...mappingsOf(sandbox),
      ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
      devices: input.devices ?? [],
      resources: {
        ...resourcesOf(config.linux?.resources ?? undefined, input.cgroupVersion, input.hugepageSizes),
        devices: [
          privileged ? { allow: true, access: "rwm" } : { allow: false, access: "rwm" },
          ...(input.devices ?? []).map(({ type, major, minor, access }) => ({
            allow: true,
            type,
            major,
            minor,
            access,
          })),
        ],
      },
      ...(privileged ? {} : { maskedPaths: security?.maskedPaths ?? [], readonlyPaths: security?.readonlyPaths ?? [] }),
      ...(seccomp === undefined ? {} : { seccomp }),
    },
  };
}

/** The `process` of the configuration; exec replaces its arguments. */
function processOf(input: SpecInput): OciProcess {
  const { config, image, user } = input;
  const security = config.linux?.securityContext ?? undefined;
  const wanted = Number(config.linux?.resources?.oomScoreAdj ?? 0);
  return {
    terminal: config.tty === true,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
    args: argsOf(config, image),
    env: envOf(input),
    cwd: config.workingDir || image.WorkingDir || "/",
    capabilities: capabilitiesOf(security, input.bounding),
    noNewPrivileges: security?.noNewPrivs === true,
    oomScoreAdj: input.canLowerOomScore ? wanted : Math.max(wanted, input.ownOomScoreAdj),
  };
}

/** The pod's command replaces the entrypoint and its arguments; args alone replace only the image's arguments. */
function argsOf(config: ContainerConfig, image: ImageConfig): readonly string[] {
  const command = config.command ?? [];
  const args = config.args ?? [];
  if (command.length > 0) return [...command, ...args];
  return [...(image.Entrypoint ?? []), ...(args.length > 0 ? args : (image.Cmd ?? []))];
}

function envOf({ config, image, sandbox, user }: SpecInput): readonly string[] {
  const env = new Map([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["HOSTNAME", sandbox.hostname],
    ["HOME", user.home],
  ]);
  if (config.tty === true) env.set("TERM", "xterm");
  for (const entry of image.Env ?? []) env.set(entry.split("=", 1)[0] as string, entry.slice(entry.indexOf("=") + 1));
  for (const { key, value } of config.envs ?? []) env.set(key ?? "", Buffer.from(value ?? []).toString("utf8"));
  return [...env].map(([key, value]) => `${key}=${value}`);
}

function namespacesOf(input: SpecInput, privileged: boolean): OciSpec["linux"]["namespaces"] {
  const { sandbox, pidNamespace, config } = input;
  const pid = config.linux?.securityContext?.namespaceOptions?.pid ?? "CONTAINER";
  const out: { readonly type: string; readonly path?: string }[] = [{ type: "mount" }];
  if (input.cgroupVersion === 2 && !privileged) out.push({ type: "cgroup" }); // its own group is the root that it sees
  if (pid !== "NODE") out.push(pidNamespace === undefined ? { type: "pid" } : { type: "pid", path: pidNamespace });
  const { net, ipc, uts, user } = sandbox.namespaces;
  if (user !== undefined) out.push({ type: "user", path: user });
  if (net !== undefined) out.push({ type: "network", path: net });
  if (ipc !== undefined) out.push({ type: "ipc", path: ipc });
  if (uts !== undefined) out.push({ type: "uts", path: uts });
  return out;
}

/** Runtimes do not read them from a namespace that is there. */
function mappingsOf({ users }: SandboxRecord): object {
  if (users === undefined) return {};
  const ids = users.ids.map(({ inside, outside, length }) => ({ containerID: inside, hostID: outside, size: length }));
  return { uidMappings: ids, gidMappings: ids };
}

function mountsOf({ config, sandbox }: SpecInput, privileged: boolean): readonly OciMount[] {
  const base = defaults().mounts;
  const writable = (options: readonly string[]): readonly string[] =>
    privileged ? options.map((option) => (option === "ro" ? "rw" : option)) : options;
  const mounts: OciMount[] = base.cri.map((mount) =>
    mount.destination.startsWith("/sys") ? { ...mount, options: writable(mount.options) } : { ...mount },
  );
  const bind = (source: string, destination: string, options: readonly string[]): void => {
    mounts.push({ destination, type: "bind", source, options });
  };
  bind(sandbox.shm, "/dev/shm", ["rbind", "rprivate", "rw"]);
  for (const name of ["resolv.conf", "hostname", "hosts"])
    bind(`${sandbox.files}/${name}`, `/etc/${name}`, [
      "rbind",
      "rprivate",
      config.linux?.securityContext?.readonlyRootfs === true ? "ro" : "rw",
    ]);
  const own = (config.mounts ?? []).map((mount) => ({
    destination: mount.containerPath ?? "",
    type: "bind",
    source: mount.hostPath ?? "",
    options: [
      ...(base.criPropagation[mount.propagation ?? "PROPAGATION_PRIVATE"] ?? ["rbind", "rprivate"]),
      mount.readonly === true ? "ro" : "rw",
      ...(mount.mountOptions ?? []),
    ],
  }));
  const taken = new Set(own.map((mount) => mount.destination.replace(/\/+$/, "")));
  const kept = mounts.filter((mount) => !taken.has(mount.destination));
  const depth = (mount: OciMount): number => mount.destination.split("/").filter((part) => part !== "").length;
  return [...kept, ...own].sort((a, b) => depth(a) - depth(b));
}

/**
 * `linux.resources`; only what is asked for, because runtimes refuse what the host lacks.
 * @param hugepageSizes That the machine limits. Who may have none of another size need not be limited.
 * @throws {TsukubeError} `unsupported`.
 */
export function resourcesOf(
  resources: LinuxContainerResources | undefined,
  cgroupVersion: 1 | 2,
  hugepageSizes: readonly string[] = [],
): Record<string, unknown> {
  const value = (field: number | string | undefined): number => Number(field ?? 0);
  const memory = { limit: value(resources?.memoryLimitInBytes), swap: value(resources?.memorySwapLimitInBytes) };
  const cpu = {
    shares: value(resources?.cpuShares),
    quota: value(resources?.cpuQuota),
    period: value(resources?.cpuPeriod),
    cpus: resources?.cpusetCpus ?? "",
    mems: resources?.cpusetMems ?? "",
  };
  const unified = cgroupVersion === 1 ? {} : { ...resources?.unified };
  const hugepages = (resources?.hugepageLimits ?? []).filter(
    ({ pageSize = "", limit }) => hugepageSizes.includes(pageSize) || value(limit) > 0,
  );
  const unlimited = hugepages.find(({ pageSize = "" }) => !hugepageSizes.includes(pageSize));
  if (unlimited !== undefined)
    throw new TsukubeError(
      "unsupported",
      `Cannot limit huge pages of ${unlimited.pageSize}: this machine limits those of "${hugepageSizes.join(" ")}", expected the hugetlb controller and pages of that size`,
    );
  return {
    memory: given(memory.swap > 0 ? memory : { limit: memory.limit }),
    cpu: given(cpu),
    ...(Object.keys(unified).length > 0 && { unified }),
    ...(hugepages.length > 0 && {
      hugepageLimits: hugepages.map(({ pageSize, limit }) => ({ pageSize, limit: value(limit) })),
    }),
  };
}
