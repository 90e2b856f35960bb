import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tsukube/foundation";
import { systemRandom } from "@tsukube/host";
import type { Cgroups } from "@tsukube/kernel";
import { VirtualClock } from "@tsukube/testing";
import { expect, onTestFinished, test } from "vitest";
import type { ContainerRecord, Containers } from "../../containers/containers.ts";
import type { ImageRecord } from "../../images/image-store.ts";
import { type DockerEvent, DockerEvents } from "../events.ts";
import { VolumeStore } from "../volumes/volume-store.ts";
import type { ContainerRuns } from "./container-runs.ts";
import { ContainerStore } from "./container-store.ts";
import { containerDetails, type ViewDeps } from "./container-views.ts";
import { DockerContainers } from "./docker-containers.ts";
import type { ExecStore } from "./exec-store.ts";
import { Freezer } from "./freezer.ts";
import { linkNames } from "./links.ts";
import type { RootfsAccess } from "./rootfs-access.ts";

/** Docker's containers over a core without processes: a test says when they end, and may hold up what the core does. */
class World {
  readonly clock = new VirtualClock();
  readonly folder = mkdtempSync(join(tmpdir(), "tsukube-containers-"));
  readonly store = new ContainerStore(join(this.folder, "containers"), join(this.folder, "spare"));
  readonly volumes: VolumeStore;
  readonly events = new DockerEvents(this.clock);
  readonly containers: DockerContainers;
  readonly removed: string[] = [];
  /** What was written down of ends when the core forgot them. */
  readonly forgotten: number[] = [];
  starts = 0;
  /** What the next making or releasing of a run waits for. */
  creating: Promise<unknown> = Promise.resolve();
  releasing: Promise<unknown> = Promise.resolve();
  copying: () => Promise<unknown> = async () => {};
  ignoresSignals = false;
  readonly #runs = new Map<string, Partial<ContainerRecord>>();

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true, force: true }));
    const { clock } = this;
    const mounts = { below: () => [], unmount: () => {} } as never;
    this.volumes = new VolumeStore({
      folder: join(this.folder, "volumes"),
      mounts,
      clock,
      random: systemRandom,
      logger: silentLogger,
    });
    const core = {
      connectAll: async (_id: string, _clients: number, connect: () => void) => connect(),
      start: async (id: string) => {
        this.starts++;
        this.#runs.set(id, { startedAt: clock.now() });
      },
      signal: (id: string) => void (this.ignoresSignals || this.end(id, 143)),
      stop: async (id: string) => this.end(id, 137),
      find: () => undefined,
    } as unknown as Containers;
    const runs = {
      find: (id: string) => this.#runs.get(id),
      create: async ({ id }: { id: string }) => {
        await this.creating;
        this.#runs.set(id, {});
      },
      end: () => this.releasing,
      forget: async (id: string) => {
        this.#runs.delete(id);
        this.forgotten.push(this.store.get(id).state.exitCode);
      },
      release: async (id: string) => {
        await this.releasing;
        this.#runs.delete(id);
      },
    } as unknown as ContainerRuns;
    this.containers = new DockerContainers({
      ...{ containers: core, store: this.store, runs, volumes: this.volumes, events: this.events, clock },
      rootfs: { within: () => this.copying() } as unknown as RootfsAccess,
      freezer: new Freezer(core),
      execs: {} as ExecStore,
      findImage: async () => undefined,
      cgroups: {} as Cgroups,
      logPath: (id) => join(this.folder, `${id}.log`),
      removeFiles: async (id) => void this.removed.push(id),
      random: systemRandom,
      logger: silentLogger,
    });
  }

  end(id: string, code: number): void {
    const run = this.#runs.get(id);
    if (run === undefined || run.exit !== undefined) return;
    this.#runs.set(id, {
      ...run,
      exit: { code, reason: code === 0 ? "Completed" : "Error", message: "", at: this.clock.now() },
    });
    this.containers.onEnded(id);
  }

  /** @returns the id of a container that runs. */
  async started(policy: string): Promise<string> {
    await this.store.load();
    const HostConfig = { NetworkMode: "none", RestartPolicy: { Name: policy } };
    const image = { id: "sha256:1", config: {} } as ImageRecord;
    const { id } = await this.containers.create({ Image: "a", Cmd: ["a"], HostConfig }, image, undefined);
    await this.containers.start(id);
    return id;
  }

  /** Ends it by itself, and waits until it is about to start again. */
  async failed(id: string): Promise<void> {
    this.end(id, 1);
    await expect.poll(() => this.clock.pending).toBe(1); // what is written meanwhile the clock does not know
  }

  status(id: string): string {
    return this.store.get(id).state.status;
  }

  /** What clients were told so far. */
  async told(): Promise<readonly DockerEvent[]> {
    return Array.fromAsync(this.events.stream(0, AbortSignal.abort()));
  }

  async signals(): Promise<readonly (string | undefined)[]> {
    return (await this.told()).flatMap(({ Action, Actor }) => (Action === "kill" ? [Actor.Attributes["signal"]] : []));
  }
}

test("containers that are always to run end with the host, and stay so", async () => {
  const world = new World();
  const id = await world.started("always");
  await world.containers.stopAll();
  await world.clock.advance(120_000);
  expect([world.status(id), world.starts]).toEqual(["exited", 1]);
  expect(world.store.get(id).state.isStoppedByUser).toBe(false); // the next start of the engine brings it back
});

test("the host's end waits for the start that is under way, and ends what it started", async () => {
  const world = new World();
  const id = await world.started("always");
  const { promise: made, resolve } = Promise.withResolvers<void>();
  world.creating = made;
  await world.failed(id);
  await world.clock.advance(60_000);
  const stopped = world.containers.stopAll();
  resolve();
  await stopped;
  await world.clock.advance(120_000);
  expect([world.status(id), world.starts]).toEqual(["exited", 2]);
});

test("how a container ended is written down before the core forgets it", async () => {
  const world = new World();
  world.end(await world.started("no"), 7);
  await expect.poll(() => world.forgotten).toEqual([7]);
});

test("stop beats the restart that is under way", async () => {
  const world = new World();
  const id = await world.started("always");
  const { promise: made, resolve } = Promise.withResolvers<void>();
  world.creating = made;
  await world.failed(id);
  await world.clock.advance(60_000);
  const stopped = world.containers.stop(id);
  resolve();
  expect(await stopped).toBe(true);
  await world.clock.advance(120_000);
  expect([world.status(id), world.starts]).toEqual(["exited", 2]);
});

test("stop beats the restart policy of a container that ends at the same time", async () => {
  const world = new World();
  const id = await world.started("always");
  const { promise: released, resolve } = Promise.withResolvers<void>();
  world.releasing = released;
  world.end(id, 1);
  await world.clock.settle();
  const stopped = world.containers.stop(id);
  resolve();
  expect(await stopped).toBe(true);
  await world.clock.advance(120_000);
  expect([world.status(id), world.starts]).toEqual(["exited", 1]);
});

test("a container that waits for its restart is stopped and killed at once", async () => {
  const world = new World();
  for (const end of ["stop", "kill"] as const) {
    const id = await world.started("always");
    await world.failed(id);
    await world.containers[end](id);
    const { starts } = world;
    await world.clock.advance(120_000);
    expect([world.status(id), world.starts]).toEqual(["exited", starts]);
  }
});

test("what ends at its signal is not killed", async () => {
  const world = new World();
  const id = await world.started("no");
  expect([await world.containers.stop(id), world.status(id), await world.signals()]).toEqual([true, "exited", ["15"]]);
});

test("what ignores its signal is killed after its grace", async () => {
  const world = new World();
  const id = await world.started("no");
  world.ignoresSignals = true;
  const stopped = world.containers.stop(id, undefined, 3);
  await expect.poll(() => world.clock.pending).toBe(1);
  await world.clock.advance(2999);
  expect(world.status(id)).toBe("running");
  await world.clock.advance(1);
  expect([await stopped, world.status(id), world.store.get(id).state.exitCode]).toEqual([true, "exited", 137]);
  expect(await world.signals()).toEqual(["15", "9"]);
});

test("who waits for an end and leaves harms nobody, whoever looks at the answer", async () => {
  const world = new World();
  const id = await world.started("no");
  const gone = new AbortController();
  const waited = world.containers.wait(id, "not-running", gone.signal);
  gone.abort(new Error("gone"));
  await world.clock.settle();
  await expect(waited).rejects.toThrow("gone");
  await expect(world.containers.wait(id, "not-running", gone.signal)).rejects.toThrow("gone");
});

test("a creation that fails leaves no container, name, volume or file behind", async () => {
  const world = new World();
  await world.store.load();
  const image = { id: "sha256:1", config: { Volumes: { "/data": {} } } } as unknown as ImageRecord;
  const create = () =>
    world.containers.create(
      { Image: "a", Cmd: ["a"], HostConfig: { NetworkMode: "none", Binds: ["kept:/kept"] } },
      image,
      "name",
    );
  world.copying = () => Promise.reject(new Error("no space left"));
  await expect(create()).rejects.toThrow("no space left");
  expect([world.store.all, world.volumes.all.map(({ name }) => name)]).toEqual([[], ["kept"]]);
  expect(world.removed).toHaveLength(1);
  world.copying = async () => {};
  expect((await create()).name).toBe("name");
});

test("volumes that come with a container and go with it are told of", async () => {
  const world = new World();
  await world.store.load();
  const image = { id: "sha256:1", config: { Volumes: { "/data": {} } } } as unknown as ImageRecord;
  const wish = { Image: "a", Cmd: ["a"], HostConfig: { NetworkMode: "none", Binds: ["kept:/kept"] } };
  for (let time = 0; time < 2; time++) {
    const { id } = await world.containers.create(wish, image, undefined);
    await world.containers.remove(id, { volumes: true });
  }
  const about = (await world.told()).filter(({ Type }) => Type === "volume");
  const told = about.map(({ Action, Actor: { ID } }) => [Action, ID === "kept" ? ID : "anonymous"].join(" "));
  const once = ["create anonymous", "destroy anonymous"];
  expect(told.toSorted()).toEqual(["create kept", ...once, ...once].toSorted());
});

test("a restart keeps a container that goes with its end", async () => {
  const world = new World();
  await world.store.load();
  const HostConfig = { NetworkMode: "none", AutoRemove: true };
  const image = { id: "sha256:1", config: {} } as ImageRecord;
  const { id } = await world.containers.create({ Image: "a", Cmd: ["a"], HostConfig }, image, undefined);
  await world.containers.start(id);
  await world.containers.restart(id);
  expect([world.status(id), world.starts, world.removed]).toEqual(["running", 2, []]);
  await world.containers.stop(id);
  await expect.poll(() => world.store.all).toEqual([]);
});

test("a container uses its image and its volumes before it has a record", async () => {
  const world = new World();
  await world.store.load();
  const seen: unknown[] = [];
  const make = world.volumes.create.bind(world.volumes);
  world.volumes.create = (wish) => {
    const { imagesInUse, volumeUsers } = world.containers;
    seen.push([world.store.all.length, imagesInUse, volumeUsers.has("data")]);
    return make(wish);
  };
  const HostConfig = { NetworkMode: "none", Binds: ["data:/data"] };
  const image = { id: "sha256:1", config: {} } as ImageRecord;
  const { id } = await world.containers.create({ Image: "a", Cmd: ["a"], HostConfig }, image, undefined);
  expect(seen).toEqual([[0, [image.id], true]]);
  expect([world.containers.imagesInUse, [...world.containers.volumeUsers]]).toEqual([[image.id], [["data", [id]]]]);
});

test("links lead to the same containers when these, or who has the links, are renamed", async () => {
  const world = new World();
  await world.store.load();
  const image = { id: "sha256:1", config: {} } as ImageRecord;
  const create = (name: string, ...Links: readonly string[]) =>
    world.containers.create({ Image: "a", Cmd: ["a"], HostConfig: { Links } }, image, name);
  const shown = () => {
    const deps = { run: () => undefined, etc: () => "", execIds: () => [], logPath: () => "" };
    const views = { ...deps, find: (name: string) => world.store.find(name) } as Partial<ViewDeps> as ViewDeps;
    return containerDetails(world.store.get("web"), views).HostConfig.Links;
  };
  await expect(create("web", "db:database")).rejects.toThrow("could not get container for db: No such container: db");
  await create("db");
  await create("web", "db:database", "/db:/other/first", "db");
  expect(shown()).toEqual(["/db:/web/database", "/db:/web/first", "/db:/web/db"]);
  await world.containers.rename("db", "store");
  await create("db");
  expect(shown()).toEqual(["/store:/web/database", "/store:/web/first", "/store:/web/db"]);
  await world.containers.unlink("/web/first");
  await world.containers.rename("web", "app");
  expect([...linkNames(world.store.all).values()]).toEqual([["/app/database", "/app/db"]]);
  await expect(create("bad", "a:b:c")).rejects.toThrow("bad format for links: a:b:c");
});
