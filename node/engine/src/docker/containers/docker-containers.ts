import { rm } from "node:fs/promises";
import { type Clock, type Logger, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import type { Cgroups } from "@tsukube/kernel";
import type { Containers } from "../../containers/containers.ts";
import type { ImageRecord } from "../../images/image-store.ts";
import type { StreamedProcess, WantedStreams } from "../../streaming/streamed-process.ts";
import { Turns } from "../../turns.ts";
import type { DockerEvents } from "../events.ts";
import { rotated } from "../log-file.ts";
import type { Endpoints } from "../networks/endpoints.ts";
import type { VolumeStore } from "../volumes/volume-store.ts";
import { signalNumber } from "./checked-wishes.ts";
import { publishOf, publishVolumesOf } from "./container-events.ts";
import { ContainerMaker } from "./container-maker.ts";
import { volumesOf } from "./container-mounts.ts";
import { ContainerNames } from "./container-names.ts";
import { type ContainerState, type DockerContainer, isRunning } from "./container-record.ts";
import type { ContainerRuns } from "./container-runs.ts";
import { limitingOf, resourcesOf, stopSignalOf } from "./container-spec.ts";
import type { ContainerStore } from "./container-store.ts";
import type { CreateDocument, HostConfigDocument } from "./documents.ts";
import { EndWaiters, type WaitCondition } from "./end-waiters.ts";
import type { ExecStore } from "./exec-store.ts";
import type { Freezer } from "./freezer.ts";
import { HealthChecks, isChecked } from "./health-checks.ts";
import { defaultLinks, parseLink } from "./links.ts";
import { restarts, startsWithEngine } from "./restart-policy.ts";
import { RestartTimers } from "./restart-timers.ts";
import type { RootfsAccess } from "./rootfs-access.ts";
import { startError } from "./start-errors.ts";
import { updatedHost } from "./updated-host.ts";
import { WaitingClients } from "./waiting-clients.ts";

interface Deps {
  readonly containers: Containers;
  readonly store: ContainerStore;
  readonly runs: ContainerRuns;
  readonly execs: ExecStore;
  readonly volumes: VolumeStore;
  readonly endpoints?: Endpoints;
  readonly findImage: (name: string) => Promise<ImageRecord | undefined>;
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

const DEFAULT_STOP_SECONDS = 10;

/** Docker's containers: what clients ask for, what follows when a container ends, and what a start of the engine finds. */
export class DockerContainers {
  readonly clients = new WaitingClients();
  readonly #deps: Deps;
  readonly #health: HealthChecks;
  /** Starts, ends and removals of one container follow each other. */
  readonly #turns = new Turns();
  readonly #waiters = new EndWaiters();
  readonly #names: ContainerNames;
  readonly #maker: ContainerMaker;
  readonly #restarting: RestartTimers;
  /** Stops after which a start follows. */
  readonly #restarts = new Set<{ readonly id: string }>();
  #closed = false;
  /** Every container is to end: no policy starts one again. */
  #isStopping = false;

  constructor(deps: Deps) {
    this.#deps = deps;
    this.#health = new HealthChecks(deps);
    this.#restarting = new RestartTimers(deps.clock, (id) => void this.#startAgain(id));
    this.#names = new ContainerNames(deps.store, deps.random);
    this.#maker = new ContainerMaker({ ...deps, names: this.#names });
  }

  get store(): ContainerStore {
    return this.#deps.store;
  }

  /** Ids of images that containers use, also those that are being made. */
  get imagesInUse(): readonly string[] {
    return [
      ...this.store.all.flatMap(({ imageId, mounts }) => [imageId, ...mounts.flatMap(({ image }) => image?.id ?? [])]),
      ...[...this.#maker.making].flatMap(({ imageIds }) => imageIds),
    ];
  }

  /** Ids of containers, also of those that are being made, by the names of volumes that they mount, whether they run or not. */
  get volumeUsers(): ReadonlyMap<string, readonly string[]> {
    const users = new Map<string, Set<string>>();
    const note = (name: string, id: string) => users.set(name, (users.get(name) ?? new Set()).add(id));
    for (const { id, mounts } of this.store.all) for (const { name } of mounts) if (name !== undefined) note(name, id);
    for (const { id, volumes } of this.#maker.making) for (const name of volumes) note(name, id);
    return new Map([...users].map(([name, ids]) => [name, [...ids]]));
  }

  /** Adopts what runs, notes what ended meanwhile, and starts what its restart policy says. */
  async load(startsContainers: boolean): Promise<void> {
    for (const { id, mounts } of this.store.all.filter(isRunning))
      for (const name of volumesOf(mounts)) this.#deps.volumes.adopt(name, id);
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
      await this.#deps.freezer.adopt(id, found.state.status === "paused");
      this.#health.start(found);
      return false;
    }
    await this.#exclusive(id, () => this.#end(id)); // it ended while nobody looked
    const container = store.find(id);
    if (container === undefined) return false;
    const { state, hostConfig } = container;
    if (state.status === "restarting") {
      this.#restarting.cancel(id); // at once
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
    this.#restarting.cancelAll();
  }

  /** @param image That the name of the wish stands for. */
  async create(wish: CreateDocument, image: ImageRecord, asked: string | undefined): Promise<DockerContainer> {
    const container = await this.#maker.make(wish, image, asked);
    this.#publish("create", container);
    return container;
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
      this.#restarting.cancel(id);
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
      await containers.connectAll(id, this.clients.count(id), () =>
        this.clients.connect(id, (wanted) => containers.attach(id, wanted)),
      );
      await containers.start(id);
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
          ...(isChecked(container) && { health: { status: "starting", failingStreak: 0, log: [] } }),
        },
      }));
      if (started === undefined) return;
      publishVolumesOf(this.#deps.events, "mount", started);
      this.#publish("start", started);
      this.#health.start(started);
    } catch (error) {
      await this.#noteFailure(container, error);
    }
  }

  /** @param container As it was before. */
  async #noteFailure(container: DockerContainer, cause: unknown): Promise<never> {
    const { id, state } = container;
    await this.#deps.runs.release(id);
    const { exitCode, error } = startError(container, cause);
    await this.store.note(id, () => ({
      state: {
        ...state,
        status: state.status === "created" ? "created" : "exited",
        exitCode,
        error: error.message,
      },
    }));
    if (container.hostConfig.AutoRemove === true) void this.#removeQuietly(id);
    throw error;
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
    await runs.end(id);
    let again = false;
    const ended = await store.note(id, (latest) => {
      again = this.#comesBack(latest, code); // it may have been stopped since it ended
      return { state: endedState(latest.state, { code, reason, at, message, again }) };
    });
    await runs.forget(id);
    if (ended === undefined) return;
    if (reason === "OOMKilled") this.#publish("oom", ended);
    const seconds = Math.floor((at - (ended.state.startedAt ?? at)) / 1000);
    publishVolumesOf(this.#deps.events, "unmount", ended);
    this.#publish("die", ended, { exitCode: String(code), execDuration: String(Math.max(0, seconds)) });
    this.#waiters.tell(id, "exit", code);
    if (again) this.#restarting.later(ended);
    else if (container.hostConfig.AutoRemove === true && ![...this.#restarts].some((each) => each.id === id))
      void this.#removeQuietly(id);
  }

  #comesBack(container: DockerContainer, exitCode: number): boolean {
    return !this.#closed && !this.#isStopping && restarts(container, exitCode);
  }

  /** By its restart policy. */
  #startAgain(id: string): Promise<void> {
    return this.#exclusive(id, async () => {
      const container = this.store.find(id);
      if (container === undefined || isRunning(container) || this.#closed || this.#isStopping) return;
      try {
        await this.#start(container, container.state.restartCount + 1);
      } catch (error) {
        this.#deps.logger.warn("cannot start a container again", { id, error: messageOf(error) });
        const failed = this.store.find(id);
        if (failed === undefined || !this.#comesBack(failed, failed.state.exitCode)) return;
        await this.store.note(id, ({ state }) => ({
          state: { ...state, status: "restarting", restartCount: state.restartCount + 1 },
        }));
        this.#restarting.later(failed);
      }
    }).catch((error: unknown) =>
      this.#deps.logger.error("cannot note a container's start", { id, error: messageOf(error) }),
    );
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
      if (this.#restarting.cancel(id) || status === "restarting") {
        await this.store.note(id, ({ state }) => ({ state: { ...state, status: "exited", isStoppedByUser: true } }));
        return "was restarting" as const;
      }
      if (!isRunning(container)) return undefined;
      const ended = this.#exitOf(id);
      await this.store.note(id, ({ state }) => ({ state: { ...state, isStoppedByUser: true } }));
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
      const run = this.#deps.runs.find(id);
      if (run !== undefined && run.exit === undefined) {
        this.#publish("kill", container, { signal: "9" });
        await containers.stop(id, 0);
      }
    }
    await ended;
  }

  #signal(id: string, signal: number): void {
    if (this.#deps.runs.find(id) !== undefined) this.#deps.containers.signal(id, String(signal));
  }

  async restart(name: string, signal?: string, seconds?: number): Promise<void> {
    const { id } = this.store.get(name);
    const restart = { id };
    this.#restarts.add(restart);
    try {
      await this.stop(id, signal, seconds);
    } finally {
      this.#restarts.delete(restart);
    }
    await this.start(id);
    this.#publish("restart", this.store.get(id));
  }

  async kill(name: string, signal = "SIGKILL"): Promise<void> {
    const container = this.store.find(name);
    if (container === undefined)
      throw new TsukubeError("not-found", `cannot kill container: ${name}: No such container: ${name}`);
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
    if (wanted.replace(/^\//, "") === container.name)
      throw new TsukubeError("invalid", "Renaming a container with the same name as its current name");
    this.#names.check(`/${wanted.replace(/^\//, "")}`, "Error when allocating new name: ");
    await this.#names.reserving(wanted, container.id, async (reserved) => {
      const renamed = await this.store.change(container.id, () => ({ name: reserved }));
      if (renamed === undefined) return;
      await this.#deps.endpoints?.rename(renamed);
      this.#publish("rename", renamed, { oldName: `/${container.name}` });
    });
  }

  /** Takes a link of the default network, by the name that it gives to another container: "/OWNER/ALIAS". */
  async unlink(name: string): Promise<void> {
    const [, parent = "", alias] = /^\/?([^/]+)(?:\/([^/]+))?$/.exec(name) ?? [];
    if (alias === undefined)
      throw new TsukubeError("failed", "Conflict, cannot remove the default link name of the container");
    const owner = this.store.get(parent);
    const isMeant = (link: string): boolean => parseLink(link).alias === alias;
    if (!defaultLinks(owner).some((link) => link.alias === alias))
      throw new TsukubeError("not-found", `No such container: ${name}`);
    const changed = await this.store.change(owner.id, ({ hostConfig }) => ({
      hostConfig: { ...hostConfig, Links: (hostConfig.Links ?? []).filter((link) => !isMeant(link)) },
    }));
    if (changed !== undefined) await this.#deps.endpoints?.refresh(changed);
  }

  /** Changes limits and the restart policy. */
  async update(name: string, wish: HostConfigDocument): Promise<void> {
    const container = this.store.get(name);
    const hostConfig = updatedHost(container.hostConfig, wish);
    if (isRunning(container)) {
      const resources = resourcesOf(hostConfig, limitingOf(this.#deps.cgroups));
      if (Object.keys(resources).length > 0) await this.#deps.containers.limit(container.id, resources);
      const group = this.#deps.runs.find(container.id)?.cgroupPath;
      // which runtimes cannot say
      if ((wish.PidsLimit ?? 0) < 0 && group !== undefined) await this.#deps.cgroups.update(group, { pids: -1 });
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
    this.#restarting.cancel(id);
    if (isRunning(container)) await this.kill(id).catch(() => {});
    await this.#exclusive(id, async () => {
      if (this.store.find(id) === undefined) return;
      this.#restarting.cancel(id);
      await this.store.note(id, (each) => ({ state: { ...each.state, status: "removing" } }));
      await this.#deps.runs.release(id);
      await this.#deps.removeFiles(id);
      await this.store.remove(id);
      const log = this.#deps.logPath(id);
      for (const file of [log, ...rotated(log)]) await rm(file, { force: true });
    });
    if (options.volumes === true) await this.#removeVolumes(container);
    this.#publish("destroy", container);
    this.#waiters.tell(id, "removed", container.state.exitCode);
  }

  /** Those that nobody named and nobody else uses. */
  async #removeVolumes({ mounts }: DockerContainer): Promise<void> {
    const isUsed = (name: string): boolean => this.volumeUsers.has(name);
    for (const { name, isAnonymous } of mounts) {
      if (name === undefined || isAnonymous !== true) continue;
      const isGone = await this.#deps.volumes.remove(name, isUsed).catch(() => false);
      if (isGone) this.#deps.events.publish("volume", "destroy", name, { driver: "local" });
    }
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
    return this.#waiters.wait(this.store.get(name), condition, signal);
  }

  /** Resolves after the next end, when everything of the run is gone. */
  #exitOf(id: string): Promise<unknown> {
    return this.wait(id, "next-exit", new AbortController().signal);
  }

  /** At the end of the engine's host: every container ends; those with a restart policy come back with the next start. */
  async stopAll(): Promise<void> {
    this.#isStopping = true;
    this.#restarting.cancelAll();
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

  #publish(action: string, container: DockerContainer, more: Readonly<Record<string, string>> = {}): void {
    publishOf(this.#deps.events, action, container, more);
  }

  /** Does what must not come between a container's start, its end and its removal. */
  inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#exclusive(id, work);
  }

  #exclusive<T>(id: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(id, work);
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
