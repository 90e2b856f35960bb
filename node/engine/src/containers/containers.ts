import { existsSync, readFileSync, statSync, watch } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Clock, Logger } from "@tsukube/foundation";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { isAlive, readRecord, startTimeOf, writeRecord } from "@tsukube/host";
import { type Cgroups, type Mounts, noCgroups, removeMounted } from "@tsukube/kernel";
import type { ContainerConfig, LinuxContainerResources, NamespaceOption } from "@tsukube/node-contracts/cri";
import type { ImageRecord } from "../images/image-store.ts";
import type { Snapshotter } from "../images/snapshotter.ts";
import type { SandboxRecord } from "../sandboxes/sandbox-record.ts";
import type { StreamedProcess, WantedStreams } from "../streaming/streamed-process.ts";
import { attachTo } from "./attach.ts";
import { boundingCapabilities } from "./capabilities.ts";
import { accepted, createUnderConmon, monitorOf, pidMade, tellConmon } from "./conmon.ts";
import { ContainerExecs, type ExecOptions, type ExecResult } from "./container-execs.ts";
import { withCpuWeight } from "./cpu-weight.ts";
import { devicesOf } from "./devices.ts";
import { killProcess } from "./kill-process.ts";
import { mapMounts } from "./mapped-mounts.ts";
import { processesBeside } from "./namespace-processes.ts";
import { checkPropagation } from "./propagation.ts";
import { ociJson } from "./rlimits.ts";
import { refuseResources, rootlessSpec, withDevicesShown } from "./rootless-spec.ts";
import type { OciRuntime } from "./runtime.ts";
import { type OciSpec, resourcesOf, type SpecInput, specOf } from "./spec.ts";
import { textWithin } from "./text-within.ts";
import { type ResolvedUser, resolveUser } from "./users.ts";
import { mountVolumeImages, type VolumeImagesDeps } from "./volume-images.ts";

/** A container as it stands on disk. The configuration is kept without its environment, which may hold secrets. */
export interface ContainerRecord {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly imageId: string;
  /** Ids of the images that it has as volumes. */
  readonly volumeImages?: readonly string[];
  /** It only holds the pid namespace that the containers of its sandbox share; nobody is told of it. */
  readonly isHolder?: true;
  /** What it wrote stays when it is removed: it is one run of something that may run again. */
  readonly keepsFiles?: true;
  readonly logPath: string;
  readonly cgroupPath: string;
  readonly stopSignal: string;
  readonly createdAt: number;
  /** Who its first process runs as. */
  readonly user?: ResolvedUser;
  readonly pid?: number;
  readonly startTime?: string;
  readonly startedAt?: number;
  /** Why the runtime refuses to run it. Told by `start`, because that is where Kubernetes counts it as an end of the container. */
  readonly refusal?: string;
  readonly exit?: { readonly code: number; readonly reason: string; readonly message: string; readonly at: number };
}

/** What a container may differ in from what the CRI can say. */
export interface ContainerOptions {
  readonly isHolder?: boolean;
  /** See {@link ContainerRecord.keepsFiles}. */
  readonly keepsFiles?: boolean;
  /** Keeps no log. */
  readonly withoutLog?: boolean;
  /** Bytes past which its log begins anew, and what was in it is gone; none by default. */
  readonly logLimit?: number;
  /** Groups by name or number, besides those of the user. */
  readonly groups?: readonly string[];
  /** Changes the runtime's configuration before it is written; its file system is mounted at `rootfs`. */
  readonly adjust?: (spec: OciSpec, rootfs: string) => OciSpec | Promise<OciSpec>;
}

export type ContainerEventKind = "CREATED" | "STARTED" | "STOPPED" | "DELETED";

interface Deps extends VolumeImagesDeps {
  readonly records: string;
  readonly runtimeFolder: string;
  readonly runtime: OciRuntime;
  readonly snapshotter: Snapshotter;
  readonly mounts: Mounts;
  readonly cgroups: Cgroups;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cgroupParent: string;
  /** See `rootless` of {@link EngineOptions}. */
  readonly rootless?: "many-ids" | "one-id";
  readonly onEvent: (kind: ContainerEventKind, container: ContainerRecord) => void;
}

const FREEZE_MS = 2000;
const FREEZE_LOOK_MS = 5;
/** How long a group may take to be without processes. */
const EMPTY_MS = 2000;
const EMPTY_LOOK_MS = 10;
/** How often processes are looked at, for the case that conmon was killed and can note no exit. */
const LIVENESS_MS = 5000;

/** Containers under conmon. What happens to them is noted on disk by conmon, whether we live or not. */
export class Containers {
  readonly #deps: Deps;
  readonly #records = new Map<string, ContainerRecord>();
  readonly #exits: string;
  readonly #execs: ContainerExecs;
  readonly #waiters = new Map<string, (() => void)[]>();
  /** Noted on disk, but not made yet: that there is no process of theirs means nothing. */
  readonly #creating = new Set<string>();
  #stops: (() => void)[] = [];

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#exits = `${deps.runtimeFolder}/exits`;
    this.#execs = new ContainerExecs({
      ...deps,
      bundle: (id) => this.#bundle(id),
      firstProcess: (id) => this.get(id).pid ?? 0,
      processes: (id) => this.processes(id),
    });
  }

  /** Adopts what runs: records, conmon's exit files and live processes by pid and start time. */
  async load(): Promise<void> {
    await mkdir(this.#deps.records, { recursive: true });
    await mkdir(this.#exits, { recursive: true });
    for (const id of await readdir(this.#deps.records)) {
      const record = id.startsWith(".") ? undefined : await readRecord<ContainerRecord>(`${this.#deps.records}/${id}`);
      if (record !== undefined) this.#records.set(id, record);
    }
    const watcher = watch(this.#exits, (_, name) => void this.#observe(name ?? ""));
    this.#stops.push(() => watcher.close());
    this.#stops.push(this.#deps.clock.every(LIVENESS_MS, () => void this.#observeAll(), { background: true }));
    await this.#observeAll();
    const ended = this.all.filter(({ exit }) => exit !== undefined);
    await Promise.all(ended.map((record) => this.#removeGroup(record))); // an engine that was killed may have left them
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  get all(): readonly ContainerRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ContainerRecord {
    const record = this.find(id);
    if (record === undefined) throw new TsukubeError("not-found", `Cannot find container "${id}": no such container`);
    return record;
  }

  find(id: string): ContainerRecord | undefined {
    return this.#records.get(id) ?? this.all.find((record) => id.length >= 8 && record.id.startsWith(id));
  }

  async create(
    id: string,
    config: ContainerConfig,
    sandbox: SandboxRecord,
    image: ImageRecord,
    options: ContainerOptions = {},
  ): Promise<ContainerRecord> {
    const { isHolder = false, keepsFiles = false } = options;
    const bundle = this.#bundle(id);
    const logPath = join(sandbox.config.logDirectory ?? "", config.logPath || `${id}.log`);
    const { envs: _, ...kept } = config;
    checkPropagation(config.mounts ?? [], () => readFileSync("/proc/self/mountinfo", "utf8"));
    const volumeImages: string[] = [];
    const record: ContainerRecord = {
      id,
      sandboxId: sandbox.id,
      config: kept,
      imageId: image.id,
      volumeImages,
      ...(isHolder && { isHolder }),
      ...(keepsFiles && { keepsFiles }),
      logPath: logPath.startsWith("/") ? logPath : `${bundle}/log`,
      cgroupPath: `${sandbox.config.linux?.cgroupParent || this.#deps.cgroupParent}/${id}`,
      stopSignal: stopSignalOf(config, image),
      createdAt: this.#deps.clock.now(),
    };
    this.#creating.add(id);
    try {
      await this.#put(record);
      const rootfs = `${bundle}/rootfs`;
      await mkdir(rootfs, { recursive: true });
      await mkdir(`${bundle}/persist`, { recursive: true });
      await mkdir(dirname(record.logPath), { recursive: true });
      const { users } = sandbox;
      await this.#deps.snapshotter.mount(id, image.chain, rootfs, users);
      const shown = await mountVolumeImages(config, `${bundle}/images`, this.#deps, volumeImages, users);
      const mapped = await mapMounts(shown, `${bundle}/mapped`, users, this.#deps.mounts);
      const input = await this.#specInput(record, mapped, sandbox, image, rootfs, options.groups);
      const { adjust = (same) => same } = options;
      const adjusted = await adjust(specOf(input), rootfs);
      const resources = withCpuWeight(adjusted.linux.resources, input.cgroupVersion);
      const whole = { ...adjusted, linux: { ...adjusted.linux, resources } };
      const { rootless } = this.#deps;
      const spec = rootless === undefined ? whole : rootlessSpec(whole, rootless, this.#deps.cgroups);
      await writeFile(`${bundle}/config.json`, ociJson(spec), { mode: 0o600 });
      await writeFile(`${bundle}/process.json`, ociJson(spec.process), { mode: 0o600 });
      const process = await this.#createProcess(record, options);
      const created = { ...record, user: input.user, ...process };
      await this.#put(created);
      this.#deps.onEvent("CREATED", created);
      return created;
    } catch (error) {
      await this.#clean(record).catch(() => {});
      await this.#forget(id);
      throw error;
    } finally {
      this.#creating.delete(id);
    }
  }

  async #createProcess({ id, config, logPath }: ContainerRecord, { withoutLog, logLimit }: ContainerOptions) {
    this.#deps.cgroups.expectMove();
    try {
      const pid = await createUnderConmon(this.#deps.runtime, {
        id,
        bundle: this.#bundle(id),
        exitFolder: this.#exits,
        ...(withoutLog === true ? {} : { logPath }),
        ...(logLimit === undefined ? {} : { logLimit }),
        terminal: config.tty === true,
        stdin: config.stdin === true,
        leaveStdinOpen: config.stdin === true && config.stdinOnce !== true,
      });
      return { pid, startTime: startTimeOf(pid) ?? "" };
    } catch (error) {
      if (codeOf(error) !== "create-failed") throw error;
      return { refusal: messageOf(error) };
    }
  }

  async start(id: string): Promise<void> {
    const record = this.get(id);
    if (record.startedAt !== undefined || record.exit !== undefined) {
      throw new TsukubeError(
        "wrong-state",
        `Cannot start container "${id}": it was started before, expected a created one`,
      );
    }
    const startedAt = this.#deps.clock.now(); // nothing that it writes is older
    try {
      if (record.refusal !== undefined) throw new TsukubeError("create-failed", record.refusal);
      await this.#deps.runtime.start(record.id);
    } catch (error) {
      const at = this.#deps.clock.now();
      await this.#put({
        ...record,
        startedAt: at,
        exit: { code: 128, reason: "StartError", message: messageOf(error), at },
      });
      throw error;
    }
    const started = { ...this.get(record.id), startedAt };
    await this.#put(started);
    this.#deps.onEvent("STARTED", started);
    await this.#observe(record.id); // it may have ended before its start was noted
  }

  /** Signal, grace, SIGKILL; resolves when the container has ended. */
  async stop(id: string, graceMs: number): Promise<void> {
    const record = this.find(id);
    if (record === undefined || record.exit !== undefined || record.refusal !== undefined) return;
    await this.#observe(record.id);
    const ended = this.#ended(record.id);
    if (graceMs > 0 && record.startedAt !== undefined) {
      this.#signal(record, record.stopSignal);
      const cancelled = new AbortController();
      await Promise.race([ended, this.#deps.clock.sleep(graceMs, cancelled.signal).catch(() => {})]);
      cancelled.abort();
    }
    this.#kill(record.id);
    const look = (): void => void this.#observe(record.id).then(() => this.#kill(record.id));
    const poll = this.#deps.clock.every(250, look);
    await ended;
    poll();
  }

  /** As it is known by now. */
  #kill(id: string): void {
    const record = this.#records.get(id);
    if (record !== undefined && record.exit === undefined) this.#signal(record, "SIGKILL");
  }

  /** Sends a signal ("SIGHUP", "1") to its first process. */
  signal(id: string, signal: string): void {
    this.#signal(this.get(id), signal);
  }

  /** Resolves when it has ended. */
  ended(id: string): Promise<void> {
    return this.#ended(this.get(id).id);
  }

  /** Until none of its processes moves; a kernel that is busy takes its time. */
  async pause(id: string): Promise<void> {
    const { runtime, cgroups, clock } = this.#deps;
    if (!cgroups.canFreeze)
      throw new TsukubeError(
        "unsupported",
        `Cannot pause container "${id}": this engine runs without root and has no control groups, expected an engine of root`,
      );
    const record = this.get(id);
    await runtime.run(["pause", record.id]);
    for (const until = clock.now() + FREEZE_MS; clock.now() < until; await clock.sleep(FREEZE_LOOK_MS))
      if (await cgroups.isFrozen(record.cgroupPath)) return;
  }

  /** None of its processes moves. */
  isFrozen(id: string): Promise<boolean> {
    return this.#deps.cgroups.isFrozen(this.get(id).cgroupPath);
  }

  async resume(id: string): Promise<void> {
    await this.#deps.runtime.run(["resume", this.get(id).id]);
  }

  async remove(id: string): Promise<void> {
    await this.release(id);
    await this.forget(id);
  }

  /** Ends it and takes everything but its record, which says how it ended. */
  async release(id: string): Promise<void> {
    const record = this.find(id);
    if (record === undefined) return;
    await this.stop(record.id, 0);
    await this.#clean(record);
  }

  /** Takes the record of one that is released. */
  async forget(id: string): Promise<void> {
    const record = this.find(id);
    if (record === undefined) return;
    await this.#forget(record.id);
    this.#deps.onEvent("DELETED", record);
  }

  /** Runs a command to its end. @throws {TsukubeError} `timeout`. */
  async execSync(id: string, command: readonly string[], timeoutMs: number): Promise<ExecResult> {
    return this.#execs.run(this.get(id).id, command, timeoutMs);
  }

  /** Starts a command whose streams the caller holds, with a terminal of its own if asked for. */
  async exec(id: string, command: readonly string[], options: ExecOptions): Promise<StreamedProcess> {
    return this.#execs.start(this.get(id).id, command, options);
  }

  /** All that run in it; without control groups those in its pid namespace. */
  async processes(id: string): Promise<readonly number[]> {
    const { pid = 0, cgroupPath } = this.get(id);
    const { cgroups } = this.#deps;
    return cgroups === noCgroups ? processesBeside(pid) : cgroups.processes(cgroupPath);
  }

  /** Say that a command will be started soon: what the kernel needs for it begins. */
  expectExec(): void {
    this.#deps.cgroups.expectMove();
  }

  /** The streams of the container's own process, from now on. It goes on when the caller leaves. */
  attach(id: string, wanted: WantedStreams): StreamedProcess {
    const { id: whole, config } = this.get(id);
    const streams = { ...wanted, stdin: wanted.stdin && config.stdin === true };
    return attachTo(this.#bundle(whole), streams, config.stdinOnce !== true && !wanted.tty, this.#deps.clock);
  }

  /**
   * Connects clients of a container that is to start, and resolves once its conmon has accepted them: one that is slow might look
   * at a container that has ended already before it looks at who waits, and pass on nothing.
   * @param connect Attaches each of `clients`.
   */
  async connectAll(id: string, clients: number, connect: () => void): Promise<void> {
    if (clients > 0) await accepted(monitorOf(this.#bundle(id), id), clients, connect, this.#deps.clock);
  }

  /** Of the terminal of its first process (conmon(8), the control fifo: "1 <rows> <columns>"). */
  async resize(id: string, columns: number, rows: number): Promise<void> {
    tellConmon(this.#bundle(this.get(id).id), `1 ${rows} ${columns}`);
  }

  /** Changes limits of the runtime's configuration (OCI runtime spec, config-linux.md, `resources`) while it runs. */
  async limit(id: string, resources: object): Promise<void> {
    const record = this.get(id);
    if (this.#deps.rootless !== undefined) refuseResources(resources, this.#deps.cgroups);
    const wanted = withCpuWeight(resources, this.#deps.cgroups.version);
    await this.#deps.runtime.update(record.id, wanted, `${this.#bundle(record.id)}/resources.json`);
  }

  /** Where its file system is mounted, as long as it is not removed. Volumes are not in it. */
  rootfs(id: string): string {
    return `${this.#bundle(this.get(id).id)}/rootfs`;
  }

  async update(id: string, resources: LinuxContainerResources): Promise<void> {
    const record = this.get(id);
    await this.limit(record.id, resourcesOf(resources, this.#deps.cgroups.version, this.#deps.cgroups.hugepageSizes));
    const linux = { ...record.config.linux, resources: { ...record.config.linux?.resources, ...resources } };
    await this.#put({ ...record, config: { ...record.config, linux } });
  }

  /** What the container has written to its root file system, in bytes on the disk. */
  writtenBytes(id: string): Promise<number> {
    return this.#deps.snapshotter.writtenBytes(this.get(id).id);
  }

  /** Makes conmon open the log anew after its file was renamed (conmon(8), the control fifo: "2 0 0"). */
  async reopenLog(id: string): Promise<void> {
    tellConmon(this.#bundle(this.get(id).id), "2 0 0");
  }

  #bundle(id: string): string {
    return `${this.#deps.runtimeFolder}/bundles/${id}`;
  }

  #ended(id: string): Promise<void> {
    if (this.#records.get(id)?.exit !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), resolve]));
  }

  #signal(record: ContainerRecord, signal: string): void {
    if (record.pid !== undefined && isAlive(record.pid, record.startTime)) killProcess(record.pid, signal);
  }

  async #observeAll(): Promise<void> {
    for (const { id, exit } of this.all) if (exit === undefined) await this.#observe(id);
  }

  /** Notes the exit of a container if it has ended. */
  async #observe(id: string): Promise<void> {
    const record = this.#records.get(id);
    if (record === undefined || record.exit !== undefined || this.#creating.has(id)) return;
    const file = `${this.#exits}/${id}`;
    if (!existsSync(file)) {
      if (record.pid !== undefined && isAlive(record.pid, record.startTime)) return;
      if (record.refusal !== undefined && existsSync(this.#bundle(id))) return; // its start tells
      if (record.pid === undefined && (await this.#adoptMade(record))) return;
      if (monitorOf(this.#bundle(id), id) !== undefined) return; // its exit is about to be written
    }
    const noted = existsSync(file); // perhaps since a moment ago: conmon ends once it has written it
    const code = noted ? Number(readFileSync(file, "utf8")) : 255;
    const killed =
      existsSync(`${this.#bundle(id)}/persist/oom`) ||
      (code === 137 && (await this.#deps.cgroups.oomKills(record.cgroupPath)) > 0);
    const reason = killed ? "OOMKilled" : code === 0 ? "Completed" : "Error";
    const message = noted ? "" : "The container ended unobserved: the machine restarted, or its monitor was killed";
    const latest = this.#records.get(id);
    if (latest === undefined || latest.exit !== undefined) return;
    const exited = {
      ...latest,
      exit: { code, reason, message, at: noted ? statSync(file).mtimeMs : this.#deps.clock.now() },
    };
    this.#records.set(id, exited);
    await this.#put(exited).catch((error: unknown) =>
      this.#deps.logger.error("cannot note a container's exit", { id, error: messageOf(error) }),
    );
    await this.#removeGroup(exited); // its limits would bind the groups above
    for (const resolve of this.#waiters.get(id) ?? []) resolve();
    this.#waiters.delete(id);
    this.#deps.onEvent("STOPPED", exited);
  }

  /** An engine that was killed may have made a process without noting it. @returns whether it is there. */
  async #adoptMade(record: ContainerRecord): Promise<boolean> {
    const pid = pidMade(this.#bundle(record.id));
    const startTime = pid === undefined ? undefined : startTimeOf(pid);
    if (pid === undefined || startTime === undefined) return false;
    await this.#put({ ...record, pid, startTime });
    return true;
  }

  /** Of a container that has ended; the kernel takes its time with processes that were killed. */
  async #removeGroup(record: ContainerRecord): Promise<void> {
    const { cgroups, clock, logger } = this.#deps;
    const { id, cgroupPath } = record;
    for (const until = clock.now() + EMPTY_MS; ; await clock.sleep(EMPTY_LOOK_MS)) {
      try {
        await this.#endOthers(record);
        return await cgroups.remove(cgroupPath);
      } catch (error) {
        if (codeOf(error) === "EBUSY" && clock.now() < until) continue;
        return logger.warn("cannot remove the control group of a container that has ended", {
          id,
          error: messageOf(error),
        });
      }
    }
  }

  /** Where the first process of a container is not that of its pid namespace, the kernel leaves the others alone. */
  async #endOthers({ config, cgroupPath }: ContainerRecord): Promise<void> {
    const pid = config.linux?.securityContext?.namespaceOptions?.pid ?? "CONTAINER";
    if (pid === "CONTAINER") return;
    for (const left of await this.#deps.cgroups.processes(cgroupPath)) killProcess(left, "SIGKILL");
  }

  async #clean(record: ContainerRecord): Promise<void> {
    const bundle = this.#bundle(record.id);
    await this.#deps.runtime.delete(record.id);
    await this.#removeGroup(record);
    await removeMounted(bundle, this.#deps.mounts);
    await rm(`${this.#exits}/${record.id}`, { force: true });
    if (record.keepsFiles !== true) await this.#deps.snapshotter.remove(record.id);
  }

  async #specInput(
    record: ContainerRecord,
    config: ContainerConfig,
    sandbox: SandboxRecord,
    image: ImageRecord,
    rootfs: string,
    groups: readonly string[] = [],
  ): Promise<SpecInput> {
    const security = config.linux?.securityContext ?? undefined;
    const text = async (name: string): Promise<string> => (await textWithin(rootfs, `/etc/${name}`)) ?? "";
    const wanted = security?.runAsUser?.value ?? (security?.runAsUsername || image.config.User || "0");
    const group = security?.runAsGroup?.value;
    const extra = [...(security?.supplementalGroups ?? []).map(String), ...groups];
    const user = resolveUser(
      group === undefined ? String(wanted) : `${String(wanted).split(":")[0]}:${group}`,
      await text("passwd"),
      await text("group"),
      extra,
      security?.supplementalGroupsPolicy === "Strict",
    );
    const bounding = boundingCapabilities();
    const target = this.#pidTarget(security?.namespaceOptions ?? undefined, sandbox.id);
    const devices = devicesOf(config);
    const isRootless = this.#deps.rootless !== undefined;
    return {
      id: record.id,
      config: isRootless ? withDevicesShown(config, devices) : config,
      sandbox,
      image: image.config,
      rootfs,
      user,
      cgroupPath: record.cgroupPath,
      cgroupVersion: this.#deps.cgroups.version,
      hugepageSizes: this.#deps.cgroups.hugepageSizes,
      bounding,
      devices: isRootless ? [] : devices,
      ownOomScoreAdj: Number(readFileSync("/proc/self/oom_score_adj", "utf8")),
      canLowerOomScore: bounding.has("CAP_SYS_RESOURCE") && this.#deps.rootless === undefined,
      ...(target === undefined ? {} : { pidNamespace: `/proc/${target}/ns/pid` }),
    };
  }

  /** Whose pid namespace a container joins; undefined: it has one of its own, or the host's. */
  #pidTarget(options: NamespaceOption | undefined, sandboxId: string): number | undefined {
    switch (options?.pid) {
      case "TARGET":
        return this.get(options.targetId ?? "").pid;
      case "POD": {
        const holder = this.holderOf(sandboxId);
        if (holder?.pid !== undefined && holder.exit === undefined) return holder.pid;
        throw new TsukubeError(
          "wrong-state",
          `Cannot share the process namespace of sandbox "${sandboxId}": it has ended, expected a sandbox that is ready`,
        );
      }
      default:
        return undefined;
    }
  }

  /** What holds the pid namespace of a sandbox whose containers share one. */
  holderOf(sandboxId: string): ContainerRecord | undefined {
    return this.all.find((record) => record.sandboxId === sandboxId && record.isHolder === true);
  }

  async #put(record: ContainerRecord): Promise<void> {
    const known = this.#records.get(record.id);
    const merged = known?.exit !== undefined && record.exit === undefined ? { ...record, exit: known.exit } : record;
    this.#records.set(record.id, merged);
    await writeRecord(`${this.#deps.records}/${record.id}`, merged);
  }

  async #forget(id: string): Promise<void> {
    this.#records.delete(id);
    await rm(`${this.#deps.records}/${id}`, { force: true });
  }
}

function stopSignalOf(config: ContainerConfig, image: ImageRecord): string {
  const asked = config.stopSignal ?? "SIGNAL_RUNTIME_DEFAULT";
  if (asked !== "SIGNAL_RUNTIME_DEFAULT") return asked.slice("SIGNAL_".length);
  const named = image.config.StopSignal ?? "SIGTERM";
  return named.startsWith("SIG") || /^\d+$/.test(named) ? named : `SIG${named}`;
}
