import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import {
  type Cancel,
  type Clock,
  codeOf,
  type Logger,
  messageOf,
  type Random,
  TsukubeError,
} from "@tsukube/foundation";
import type { Cgroups } from "@tsukube/kernel";
import type { Containers } from "../../containers/containers.ts";
import type { ImageRecord } from "../../images/image-store.ts";
import type { StreamedProcess, WantedStreams } from "../../streaming/streamed-process.ts";
import type { DockerEvents } from "../events.ts";
import { rotated } from "../log-file.ts";
import type { Endpoints } from "../networks/endpoints.ts";
import type { VolumeStore } from "../volumes/volume-store.ts";
import { checkResources, checkWishes, signalNumber } from "./checked-wishes.ts";
import { resolveMounts } from "./container-mounts.ts";
import { type ContainerState, type DockerContainer, isRunning, networkModeOf } from "./container-record.ts";
import type { ContainerRuns } from "./container-runs.ts";
import { resourcesOf, stopSignalOf } from "./container-spec.ts";
import type { ContainerStore } from "./container-store.ts";
import { copyUp } from "./copy-up.ts";
import type { CreateDocument, EndpointDocument, HostConfigDocument } from "./documents.ts";
import { commandOf, filledConfig } from "./filled-config.ts";
import type { Freezer } from "./freezer.ts";
import { HealthChecks } from "./health-checks.ts";
import { randomName } from "./random-name.ts";
import { restartDelay, restarts, startsWithEngine } from "./restart-policy.ts";
import type { RootfsAccess } from "./rootfs-access.ts";
import { startFailure } from "./start-errors.ts";
import { WaitingClients } from "./waiting-clients.ts";

interface Deps {
  readonly containers: Containers;
  readonly store: ContainerStore;
  readonly runs: ContainerRuns;
  readonly volumes: VolumeStore;
  readonly endpoints?: Endpoints;
  readonly rootfs: RootfsAccess;
  readonly freezer: Freezer;
  readonly events: DockerEvents;
  readonly logPath: (id: string) => string;
  readonly cgroups: Cgroups;
  readonly removeFiles: (id: string) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const DEFAULT_STOP_SECONDS = 10;

/** Docker's containers: what clients ask for, what follows when a container ends, and what a start of the engine finds. */
export class DockerContainers {
  readonly clients = new WaitingClients();
  readonly #deps: Deps;
  readonly #health: HealthChecks;
  /** Starts, ends and removals of one container follow each other. */
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #waiters = new Map<string, Set<(event: "exit" | "removed", exitCode: number) => void>>();
  readonly #restarting = new Map<string, { readonly cancel: Cancel; readonly delay: number }>();
  readonly #delays = new Map<string, number>();
  readonly #names = new Set<string>();
  #closed = false;
  /** Every container is to end: no policy starts one again. */
  #isStopping = false;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#health = new HealthChecks(deps);
  }

  get store(): ContainerStore {
    return this.#deps.store;
  }

  /** Adopts what runs, notes what ended meanwhile, and starts what its restart policy says. */
  async load(startsContainers: boolean): Promise<void> {
    const wanted: string[] = [];
    for (const { id } of [...this.store.all].reverse()) {
      try {
        if (await this.#adopt(id)) wanted.push(id);
      } catch (error) {
        this.#deps.logger.error("cannot adopt a container", { id, error: messageOf(error) }); // the others go on
      }
    }
    if (startsContainers) for (const id of wanted) void this.#startAgain(id);
  }

  /** @returns whether it is to be started. */
  async #adopt(id: string): Promise<boolean> {
    const { store, runs } = this.#deps;
    const run = runs.find(id);
    const found = store.find(id);
    if (found !== undefined && isRunning(found) && run?.exit === undefined && run?.startedAt !== undefined) {
      if (found.state.status === "paused") this.#deps.freezer.adopt(id);
      this.#health.start(found);
      return false;
    }
    await this.#exclusive(id, () => this.#end(id)); // it ended while nobody looked
    const container = store.find(id);
    if (container === undefined) return false;
    const { state, hostConfig } = container;
    if (state.status === "restarting") {
      this.#cancelRestart(id); // at once
      return true;
    }
    await this.#exclusive(id, () => runs.release(id));
    const isLeft = state.status === "removing" || (hostConfig.AutoRemove === true && state.finishedAt !== undefined);
    if (isLeft) await this.#removeQuietly(id);
    return !isLeft && startsWithEngine(container);
  }

  /** One that nobody asked to be told about: it may be gone already. */
  async #removeQuietly(id: string): Promise<void> {
    if (this.store.find(id) !== undefined) await this.remove(id, { force: true, volumes: true }).catch(() => {});
  }

  close(): void {
    this.#closed = true;
    this.#health.close();
    for (const { cancel } of this.#restarting.values()) cancel();
  }

  /** @param image That the name of the wish stands for. */
  async create(wish: CreateDocument, image: ImageRecord, asked: string | undefined): Promise<DockerContainer> {
    const { store, random, clock, volumes } = this.#deps;
    const processors = availableParallelism();
    checkWishes(wish, processors);
    const id = Buffer.from(random.bytes(32)).toString("hex");
    const name = this.#reserveName(asked, id);
    const anonymous: string[] = [];
    const recorded = {
      mountpoint: (volume: string) => volumes.mountpoint(volume),
      create: async (volume: Parameters<VolumeStore["create"]>[0]) => {
        const made = await volumes.create(volume);
        if (volume.name === undefined) anonymous.push(made.name);
        return made;
      },
    };
    try {
      const config = filledConfig(wish, image.config, id);
      const hostConfig = this.#filledHost(wish.HostConfig ?? {});
      const endpoints = await this.#endpointsOf(wish);
      const { mounts, toCopy } = await resolveMounts(wish, image.config, recorded, (other) => store.get(other));
      const container: DockerContainer = {
        id,
        name,
        createdAt: clock.now(),
        config,
        hostConfig,
        imageId: image.id,
        imageName: wish.Image ?? "",
        command: commandOf(config),
        mounts,
        endpoints,
        state: {
          status: "created",
          exitCode: 0,
          error: "",
          isOomKilled: false,
          isStoppedByUser: false,
          restartCount: 0,
        },
      };
      await store.put(container);
      if (toCopy.length > 0) await this.#deps.rootfs.within(container, (root) => copyUp(toCopy, root));
      this.#publish("create", container);
      return container;
    } catch (error) {
      await this.#undoCreation(id, anonymous);
      throw error;
    } finally {
      this.#names.delete(name);
    }
  }

  /** Takes what a creation that failed has made; volumes that have a name may be of use, and stay. */
  async #undoCreation(id: string, volumes: readonly string[]): Promise<void> {
    const undone = [this.store.remove(id), this.#deps.removeFiles(id)];
    undone.push(...volumes.map((volume) => this.#deps.volumes.remove(volume)));
    for (const result of await Promise.allSettled(undone))
      if (result.status === "rejected")
        this.#deps.logger.warn("cannot undo a creation", { id, error: messageOf(result.reason) });
  }

  #reserveName(asked: string | undefined, id: string): string {
    const { store, random } = this.#deps;
    if (asked !== undefined && !NAME.test(asked))
      throw new TsukubeError(
        "invalid",
        `Invalid container name (${asked}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
    const isTaken = (each: string): boolean => this.#names.has(each) || store.named(each) !== undefined;
    const name = asked?.replace(/^\//, "") ?? randomName(random, isTaken);
    if (isTaken(name)) throw nameConflict(name, store.named(name)?.id ?? id);
    this.#names.add(name);
    return name;
  }

  /** Names of other containers become ids: they may be renamed. */
  #filledHost(host: HostConfigDocument): HostConfigDocument {
    const whole = (mode: string | undefined): string | undefined => {
      if (mode?.startsWith("container:") !== true) return mode;
      const name = mode.slice("container:".length);
      return `container:${this.#deps.store.find(name)?.id ?? name}`; // who is missing is told at the start
    };
    const { Name = "", MaximumRetryCount = 0 } = host.RestartPolicy ?? {};
    return {
      ...host,
      NetworkMode: whole(networkModeOf({ hostConfig: host })) ?? "bridge",
      IpcMode: whole(host.IpcMode) || "private",
      PidMode: whole(host.PidMode) ?? "",
      LogConfig: { Type: host.LogConfig?.Type || "json-file", Config: host.LogConfig?.Config ?? {} },
      RestartPolicy: { Name: Name || "no", MaximumRetryCount },
      ShmSize: host.ShmSize || 64 * 1024 * 1024,
    };
  }

  async #endpointsOf({ HostConfig, NetworkingConfig }: CreateDocument): Promise<Record<string, EndpointDocument>> {
    const mode = networkModeOf({ hostConfig: HostConfig ?? {} });
    const asked = Object.entries(NetworkingConfig?.EndpointsConfig ?? {});
    if (["host", "none"].includes(mode) || mode.startsWith("container:")) return {};
    const endpoints: Record<string, EndpointDocument> = {};
    // a network that is missing is told at the start, too
    const named = async (name: string): Promise<string> =>
      (await this.#deps.endpoints?.network(name === "default" ? "bridge" : name).catch(() => undefined))?.name ?? name;
    endpoints[await named(mode)] = {};
    for (const [name, endpoint] of asked) endpoints[await named(name)] = endpoint ?? {};
    for (const [name, { IPAMConfig }] of Object.entries(endpoints))
      if (name === "bridge" && IPAMConfig?.IPv4Address)
        throw new TsukubeError(
          "invalid",
          "invalid config for network bridge: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only",
        );
    return endpoints;
  }

  /** @returns false when it runs already. */
  start(name: string): Promise<boolean> {
    const { id } = this.store.get(name);
    return this.#exclusive(id, async () => {
      const container = this.store.get(id);
      if (container.state.status === "paused")
        throw new TsukubeError("conflict", "cannot start a paused container, try unpause instead");
      if (container.state.status === "removing")
        throw new TsukubeError("conflict", "container is marked for removal and cannot be started");
      if (isRunning(container)) return false;
      this.#cancelRestart(id);
      await this.#start(container, 0);
      return true;
    });
  }

  async #start(container: DockerContainer, restartCount: number): Promise<void> {
    const { runs, containers, store, clock } = this.#deps;
    const { id } = container;
    try {
      await runs.create(container);
      const refusal = runs.find(id)?.refusal;
      if (refusal !== undefined) throw new TsukubeError("create-failed", refusal);
      this.clients.connect(id, (wanted) => containers.attach(id, wanted));
      await containers.start(id);
    } catch (error) {
      await this.#noteFailure(container, error);
    }
    const started = await store.change(id, ({ state }) => ({
      state: {
        ...withoutEnd(state),
        status: "running",
        exitCode: 0,
        error: "",
        isOomKilled: false,
        isStoppedByUser: false,
        startedAt: runs.find(id)?.startedAt ?? clock.now(),
        restartCount,
        ...(container.config.Healthcheck != null && { health: { status: "starting", failingStreak: 0, log: [] } }),
      },
    }));
    if (started === undefined) return;
    this.#publish("start", started);
    this.#health.start(started);
  }

  async #noteFailure(container: DockerContainer, cause: unknown): Promise<never> {
    const { id, command } = container;
    await this.#deps.runs.release(id);
    const isRefused = ["create-failed", "no-such-user"].includes(codeOf(cause) ?? "");
    const failure = isRefused ? startFailure(messageOf(cause), command[0] ?? "") : undefined;
    const plain = failure?.error.message ?? messageOf(cause);
    const isPort = codeOf(cause) === "port-taken";
    const message = isPort
      ? `driver failed programming external connectivity on endpoint ${container.name}: ${plain}`
      : plain;
    await this.store.change(id, ({ state }) => ({
      state: {
        ...state,
        status: state.status === "created" ? "created" : "exited",
        exitCode: failure?.exitCode ?? 128,
        error: message,
      },
    }));
    if (container.hostConfig.AutoRemove === true) void this.#removeQuietly(id);
    throw failure?.error ?? new TsukubeError(startCode(cause), message, { cause });
  }

  /** The core tells that a run ended. */
  onEnded(id: string): void {
    if (this.#closed) return;
    void this.#exclusive(id, () => this.#end(id)).catch((error: unknown) =>
      this.#deps.logger.error("cannot note a container's end", { id, error: messageOf(error) }),
    );
  }

  async #end(id: string): Promise<void> {
    const { runs, store, clock } = this.#deps;
    const container = store.find(id);
    const run = runs.find(id);
    if (container === undefined || !isRunning(container) || (run !== undefined && run.exit === undefined)) return;
    this.#health.stop(id);
    const { code = 255, reason = "Error", at = clock.now(), message = "" } = run?.exit ?? {};
    await runs.release(id);
    let again = false;
    const ended = await store.change(id, (latest) => {
      again = this.#comesBack(latest, code); // it may have been stopped since it ended
      return { state: endedState(latest.state, { code, reason, at, message, again }) };
    });
    if (ended === undefined) return;
    if (reason === "OOMKilled") this.#publish("oom", ended);
    const seconds = Math.floor((at - (ended.state.startedAt ?? at)) / 1000);
    this.#publish("die", ended, { exitCode: String(code), execDuration: String(Math.max(0, seconds)) });
    this.#tell(id, "exit", code);
    if (again) this.#restartLater(ended);
    else if (container.hostConfig.AutoRemove === true) void this.#removeQuietly(id);
  }

  #comesBack(container: DockerContainer, exitCode: number): boolean {
    return !this.#closed && !this.#isStopping && restarts(container, exitCode);
  }

  #restartLater({ id, state }: DockerContainer): void {
    const ran = (state.finishedAt ?? 0) - (state.startedAt ?? 0);
    const delay = restartDelay(this.#delays.get(id) ?? 0, ran);
    this.#delays.set(id, delay);
    const cancel = this.#deps.clock.after(delay, () => void this.#startAgain(id), { background: true });
    this.#restarting.set(id, { cancel, delay });
  }

  /** By its restart policy. */
  #startAgain(id: string): Promise<void> {
    this.#restarting.delete(id);
    return this.#exclusive(id, async () => {
      const container = this.store.find(id);
      if (container === undefined || isRunning(container) || this.#closed || this.#isStopping) return;
      try {
        await this.#start(container, container.state.restartCount + 1);
      } catch (error) {
        this.#deps.logger.warn("cannot start a container again", { id, error: messageOf(error) });
        const failed = this.store.find(id);
        if (failed === undefined || !this.#comesBack(failed, failed.state.exitCode)) return;
        await this.store.change(id, ({ state }) => ({
          state: { ...state, status: "restarting", restartCount: state.restartCount + 1 },
        }));
        this.#restartLater(failed);
      }
    }).catch((error: unknown) =>
      this.#deps.logger.error("cannot note a container's start", { id, error: messageOf(error) }),
    );
  }

  #cancelRestart(id: string): boolean {
    const pending = this.#restarting.get(id);
    pending?.cancel();
    this.#delays.delete(id);
    return this.#restarting.delete(id);
  }

  /** @param seconds Of grace; negative: without end. @returns false when it does not run. */
  async stop(name: string, signal?: string, seconds?: number): Promise<boolean> {
    const { id } = this.store.get(name);
    const stopping = await this.#beginStop(id);
    if (stopping === "was restarting") return true;
    if (stopping === undefined) return false;
    const { container, ended } = stopping;
    const number = signal ? signalNumber(signal) : stopSignalOf(container);
    await this.#terminate(container, ended, number, seconds ?? container.config.StopTimeout ?? DEFAULT_STOP_SECONDS);
    this.#publish("stop", this.store.find(id) ?? container);
    return true;
  }

  /**
   * Notes that its end is wanted, so that no policy starts it again; after the start or the end that is under way: what is known
   * of it then stays true until its next end. @returns undefined when there is nothing to end.
   */
  #beginStop(
    id: string,
  ): Promise<{ container: DockerContainer; ended: Promise<unknown> } | "was restarting" | undefined> {
    return this.#exclusive(id, async () => {
      const container = this.store.find(id);
      if (container === undefined) return undefined;
      const { status } = container.state;
      if (this.#cancelRestart(id) || status === "restarting") {
        await this.store.change(id, ({ state }) => ({ state: { ...state, status: "exited", isStoppedByUser: true } }));
        return "was restarting" as const;
      }
      if (!isRunning(container)) return undefined;
      const ended = this.#exitOf(id);
      await this.store.change(id, ({ state }) => ({ state: { ...state, isStoppedByUser: true } }));
      return { container, ended };
    });
  }

  async #terminate(
    container: DockerContainer,
    ended: Promise<unknown>,
    signal: number,
    seconds: number,
  ): Promise<void> {
    const { containers, clock } = this.#deps;
    const { id } = container;
    if (this.store.find(id)?.state.status === "paused") await this.unpause(id);
    this.#publish("kill", container, { signal: String(signal) });
    this.#signal(id, signal);
    if (seconds >= 0) {
      const enough = new AbortController();
      await Promise.race([ended, clock.sleep(seconds * 1000, enough.signal).catch(() => {})]);
      enough.abort();
    }
    if (seconds >= 0 && this.#deps.runs.find(id)?.exit === undefined) {
      this.#publish("kill", container, { signal: "9" });
      await containers.stop(id, 0);
    }
    await ended;
  }

  #signal(id: string, signal: number): void {
    if (this.#deps.runs.find(id) !== undefined) this.#deps.containers.signal(id, String(signal));
  }

  async restart(name: string, signal?: string, seconds?: number): Promise<void> {
    await this.stop(name, signal, seconds);
    await this.start(name);
    this.#publish("restart", this.store.get(name));
  }

  async kill(name: string, signal = "SIGKILL"): Promise<void> {
    const container = this.store.get(name);
    const { id } = container;
    const number = signalNumber(signal);
    const notRunning = new TsukubeError("conflict", `cannot kill container: ${name}: container ${id} is not running`);
    if (number !== 9 && number !== stopSignalOf(container)) {
      if (!isRunning(container)) throw notRunning;
      this.#publish("kill", container, { signal: String(number) });
      return this.#signal(id, number);
    }
    const stopping = await this.#beginStop(id);
    if (stopping === "was restarting") return;
    if (stopping === undefined) throw notRunning;
    this.#publish("kill", container, { signal: String(number) });
    if (number !== 9) return this.#signal(id, number);
    if (this.store.find(id)?.state.status === "paused") await this.unpause(id);
    await this.#deps.containers.stop(id, 0);
    await stopping.ended;
  }

  async pause(name: string): Promise<void> {
    const { id, state } = this.store.get(name);
    if (state.status === "paused") throw new TsukubeError("conflict", `container ${id} is already paused`);
    if (state.status !== "running") throw notRunning(id);
    await this.#deps.freezer.pause(id);
    const paused = await this.store.change(id, (each) => ({ state: { ...each.state, status: "paused" } }));
    if (paused !== undefined) this.#publish("pause", paused);
  }

  async unpause(name: string): Promise<void> {
    const { id, state } = this.store.get(name);
    if (state.status !== "paused") throw new TsukubeError("conflict", `Container ${id} is not paused`);
    await this.#deps.freezer.resume(id);
    const running = await this.store.change(id, (each) => ({ state: { ...each.state, status: "running" } }));
    if (running !== undefined) this.#publish("unpause", running);
  }

  async rename(name: string, wanted: string): Promise<void> {
    const container = this.store.get(name);
    if (wanted === "") throw new TsukubeError("invalid", "Neither old nor new names may be empty");
    const plain = wanted.replace(/^\//, "");
    if (plain === container.name)
      throw new TsukubeError("invalid", "Renaming a container with the same name as its current name");
    const reserved = this.#reserveName(wanted, container.id);
    try {
      const renamed = await this.store.change(container.id, () => ({ name: reserved }));
      if (renamed !== undefined) {
        await this.#deps.endpoints?.rename(renamed);
        this.#publish("rename", renamed, { oldName: `/${container.name}` });
      }
    } finally {
      this.#names.delete(reserved);
    }
  }

  /** Changes limits and the restart policy. */
  async update(name: string, wish: HostConfigDocument): Promise<void> {
    const container = this.store.get(name);
    const changes = Object.fromEntries(
      Object.entries(wish).filter(
        ([key, value]) =>
          value != null &&
          value !== 0 &&
          value !== "" &&
          !(key === "RestartPolicy" && !(value as { Name?: string }).Name),
      ),
    ) as HostConfigDocument;
    const { NanoCpus, CpuQuota, CpuPeriod } = changes;
    const { NanoCpus: formerNano = 0, CpuQuota: formerQuota = 0 } = container.hostConfig;
    const cpu = NanoCpus && formerQuota === 0 ? {} : (CpuQuota || CpuPeriod) && formerNano > 0 ? { NanoCpus: 0 } : {};
    const hostConfig = { ...container.hostConfig, ...changes, ...cpu };
    const { Memory = 0, MemorySwap = 0 } = hostConfig;
    if (changes.Memory && !changes.MemorySwap && MemorySwap > 0 && Memory > MemorySwap)
      throw new TsukubeError(
        "invalid",
        "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
      );
    checkResources(hostConfig, availableParallelism());
    if (isRunning(container)) {
      const resources = resourcesOf(hostConfig, this.#deps.cgroups.limitsSwap());
      if (Object.keys(resources).length > 0) await this.#deps.containers.limit(container.id, resources);
    }
    const updated = await this.store.change(container.id, () => ({ hostConfig }));
    if (updated !== undefined) this.#publish("update", updated);
  }

  async remove(name: string, options: { readonly force?: boolean; readonly volumes?: boolean } = {}): Promise<void> {
    const container = this.store.get(name);
    const { id, state } = container;
    if (options.force !== true && state.status !== "created" && state.status !== "exited" && state.status !== "dead") {
      const [is, remedy] =
        state.status === "paused"
          ? ["paused", "unpause"]
          : [state.status, "stop the container before removing or force remove"];
      const how =
        state.status === "paused" ? `${remedy} and then stop the container before removing or force remove` : remedy;
      throw new TsukubeError("conflict", `cannot remove container "/${container.name}": container is ${is}: ${how}`);
    }
    this.#cancelRestart(id);
    if (isRunning(container)) await this.kill(id).catch(() => {});
    await this.#exclusive(id, async () => {
      if (this.store.find(id) === undefined) return;
      this.#cancelRestart(id);
      await this.store.change(id, (each) => ({ state: { ...each.state, status: "removing" } }));
      await this.#deps.runs.release(id);
      await this.#deps.removeFiles(id);
      await this.store.remove(id);
      const log = this.#deps.logPath(id);
      for (const file of [log, ...rotated(log)]) await rm(file, { force: true });
    });
    if (options.volumes === true) await this.#removeVolumes(container);
    this.#publish("destroy", container);
    this.#tell(id, "removed", container.state.exitCode);
    this.#queues.delete(id);
  }

  /** Those that nobody named and nobody else uses. */
  async #removeVolumes({ mounts }: DockerContainer): Promise<void> {
    const inUse = new Set(this.store.all.flatMap((other) => other.mounts.map((mount) => mount.name)));
    for (const { name, isAnonymous } of mounts)
      if (name !== undefined && isAnonymous === true && !inUse.has(name))
        await this.#deps.volumes.remove(name).catch(() => {});
  }

  /** Connects to the streams of a container that runs, or of the next run. */
  attach(name: string, wanted: WantedStreams, signal: AbortSignal): Promise<StreamedProcess> {
    const container = this.store.get(name);
    if (container.state.status === "paused")
      throw new TsukubeError("conflict", `container ${container.id} is paused, unpause the container before attach`);
    if (container.state.status === "restarting")
      throw new TsukubeError(
        "conflict",
        `container ${container.id} is restarting, wait until the container is running`,
      );
    const run = this.#deps.runs.find(container.id);
    if (run?.exit === undefined && run?.startedAt !== undefined)
      return Promise.resolve(this.#deps.containers.attach(container.id, wanted));
    return this.clients.wait(container.id, wanted, signal);
  }

  /** The exit code of its end. @throws the signal's reason. */
  wait(name: string, condition: WaitCondition, signal: AbortSignal): Promise<number> {
    const { id, state } = this.store.get(name);
    const isOver = !["running", "paused", "restarting", "removing"].includes(state.status);
    if (condition === "not-running" && isOver) return Promise.resolve(state.exitCode);
    const waited = new Promise<number>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      let exitCode = state.exitCode;
      const leave = (): void => {
        this.#waiters.get(id)?.delete(listener);
        reject(signal.reason);
      };
      const listener = (event: "exit" | "removed", code: number): void => {
        if (event === "exit") exitCode = code;
        if (condition === "removed" && event === "exit") return;
        signal.removeEventListener("abort", leave);
        this.#waiters.get(id)?.delete(listener);
        resolve(exitCode);
      };
      const waiters = this.#waiters.get(id) ?? new Set();
      this.#waiters.set(id, waiters.add(listener));
      signal.addEventListener("abort", leave, { once: true });
    });
    waited.catch(() => {}); // who leaves may not look at it any more
    return waited;
  }

  /** Resolves after the next end, when everything of the run is gone. */
  #exitOf(id: string): Promise<unknown> {
    return this.wait(id, "next-exit", new AbortController().signal);
  }

  /** At the end of the engine's host: every container ends; those with a restart policy come back with the next start. */
  async stopAll(): Promise<void> {
    this.#isStopping = true;
    for (const { cancel } of this.#restarting.values()) cancel();
    await Promise.all(this.store.all.map(({ id }) => this.#endWithHost(id)));
  }

  /** Not as somebody's wish: the next start of the engine brings it back. */
  async #endWithHost(id: string): Promise<void> {
    const running = await this.#exclusive(id, async () => {
      const container = this.store.find(id); // after the start that may be under way
      return container !== undefined && isRunning(container) ? { container, ended: this.#exitOf(id) } : undefined;
    });
    if (running === undefined) return;
    const { container, ended } = running;
    const seconds = container.config.StopTimeout ?? DEFAULT_STOP_SECONDS;
    await this.#terminate(container, ended, stopSignalOf(container), seconds);
  }

  #tell(id: string, event: "exit" | "removed", exitCode: number): void {
    for (const listener of [...(this.#waiters.get(id) ?? [])]) listener(event, exitCode);
    if (event === "removed") this.#waiters.delete(id);
  }

  #publish(action: string, container: DockerContainer, more: Readonly<Record<string, string>> = {}): void {
    const { id, name, imageName, config } = container;
    this.#deps.events.publish("container", action, id, { ...config.Labels, ...more, image: imageName, name });
  }

  #exclusive<T>(id: string, work: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(id) ?? Promise.resolve();
    const result = before.then(work);
    this.#queues.set(
      id,
      result.catch(() => {}),
    );
    return result;
  }
}

function endedState(
  state: ContainerState,
  end: { readonly code: number; reason: string; at: number; message: string; again: boolean },
): ContainerState {
  return {
    ...state,
    status: end.again ? "restarting" : "exited",
    exitCode: end.code,
    error: end.message,
    isOomKilled: end.reason === "OOMKilled",
    finishedAt: end.at,
    ...(state.health !== undefined && { health: { ...state.health, status: "unhealthy" } }),
  };
}

function withoutEnd({ finishedAt: _, ...state }: ContainerState): ContainerState {
  return state;
}

function notRunning(id: string): TsukubeError {
  return new TsukubeError("conflict", `container ${id} is not running`);
}

function nameConflict(name: string, id: string): TsukubeError {
  return new TsukubeError(
    "conflict",
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}

/** What the client could have done better stays its error. */
function startCode(cause: unknown): string {
  const code = codeOf(cause);
  return code === "invalid" ||
    code === "not-found" ||
    code === "conflict" ||
    code === "unsupported" ||
    code === "forbidden"
    ? code
    : "failed";
}
