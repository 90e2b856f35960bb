import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, TsukubeError } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import type { Mounts } from "@tsukube/kernel";
import { expect, onTestFinished, test } from "vitest";
import { ImageStore } from "../images/image-store.ts";
import type { DockerDeps, DockerRequest } from "./contracts.ts";
import { networkRoutes } from "./network-routes.ts";
import { pruneRoutes } from "./prune-routes.ts";
import { volumeRoutes } from "./volume-routes.ts";
import { VolumeStore } from "./volumes/volume-store.ts";

const HOUR = 3_600_000;

/** A cache of three results, used one, two and three hours ago, and two folders, used four hours ago. @returns what a request removes. */
async function pruned(query: string): Promise<unknown> {
  const removed: string[] = [];
  const result = (id: string, hours: number) => ({
    id,
    lineage: `web ${id}`,
    bytes: 100,
    created: "",
    usedAt: -hours * HOUR,
  });
  const folder = (id: string, inUse: boolean) => ({ id, target: "/npm", bytes: 100, usedAt: -4 * HOUR, inUse });
  const deps = {
    builder: {
      cached: [result("b", 2), result("a", 1), result("c", 3)],
      cacheFolders: async () => [folder("m", false), folder("n", true)],
      prune: async (ids: ReadonlySet<string>) => removed.push(...ids) * 100,
    },
    clock: { now: () => 0 },
    events: { publish: () => {} },
    stateDirectory: tmpdir(),
  } as unknown as DockerDeps;
  const route = pruneRoutes(deps).find(({ path }) => path.test("/build/prune"));
  const answer = await route?.handle({ query: new URLSearchParams(query) } as unknown as DockerRequest);
  expect(answer).toMatchObject({ json: { CachesDeleted: removed, SpaceReclaimed: removed.length * 100 } });
  return removed.join("");
}

const filters = (wanted: object): string => `filters=${encodeURIComponent(JSON.stringify(wanted))}`;

test.each([
  ["", "abcm"],
  ["all=1", "abcm"],
  [filters({ until: ["150m"] }), "cm"],
  [filters({ "unused-for": { "24h": true } }), ""],
  [filters({ type: ["exec.cachemount"] }), "m"],
  [filters({ id: ["b"] }), "b"],
  [filters({ description: ["npm"] }), "m"],
  [filters({ inuse: ["true"] }), ""],
  [filters({ private: ["true"], shared: ["false"] }), "abcm"],
  ["keep-storage=250", "cm"],
  ["reserved-space=100", "bcm"],
  ["max-used-space=350", "m"],
  ["max-used-space=100&reserved-space=200", "cm"],
  ["min-free-space=1", ""],
  [`min-free-space=${2 ** 60}`, "abcm"],
  [`min-free-space=${2 ** 60}&reserved-space=300`, "m"],
])("pruning the cache of builds with %j removes %j of it", async (query, expected) => {
  expect(await pruned(query)).toBe(expected);
});

test.each([filters({ nosuch: ["1"] }), "keep-storage=much", filters({ until: ["soon"] })])(
  "pruning the cache of builds with %j is refused",
  async (query) => {
    await expect(pruned(query)).rejects.toThrow(/invalid filter 'nosuch'|expects an integer|Cannot read the time/);
  },
);

test("what a container comes to use while images and volumes are pruned stays", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tsukube-prune-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const images = new ImageStore(join(folder, "images"), realClock);
  await images.load();
  const mounts = { below: () => [], unmount: () => {} } as Partial<Mounts> as Mounts;
  const volumes = new VolumeStore({
    folder: join(folder, "volumes"),
    mounts,
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
  });
  await volumes.load();
  const ids: string[] = [];
  for (const name of ["first", "second", "third"]) {
    const { id } = await images.create({ layers: [], config: { Cmd: [name] }, names: [`docker.io/library/${name}:1`] });
    ids.push(id);
    await volumes.create({ name });
    await writeFile(join(volumes.mountpoint(name), "data"), name);
  }
  const [used, users] = [new Set<string>(), new Map<string, readonly string[]>()];
  const deps = {
    ...{ images, volumes, clock: realClock, stateDirectory: folder },
    dockerContainers: { volumeUsers: users },
    inUse: () => used,
    garbage: { collect: async () => {} },
    events: {
      publish(kind: string, action: string) {
        if (action === "prune") return; // the first is gone: before the second, a container is made
        if (kind === "image") used.add(ids[1] ?? "");
        else users.set("second", ["a"]);
      },
    },
  } as unknown as DockerDeps;
  const answerOf = async (path: string, wanted: object) => {
    const route = [...pruneRoutes(deps), ...volumeRoutes(deps)].find((each) => each.path.test(path));
    return route?.handle({ query: new URLSearchParams(filters(wanted)) } as unknown as DockerRequest);
  };
  const gone = ["first", "third"];
  const deleted = gone.flatMap((name) => [{ Untagged: `${name}:1` }, { Deleted: ids[name === "first" ? 0 : 2] }]);
  expect(await answerOf("/images/prune", { dangling: ["false"] })).toMatchObject({ json: { ImagesDeleted: deleted } });
  expect(await answerOf("/volumes/prune", { all: ["true"] })).toMatchObject({ json: { VolumesDeleted: gone } });
  expect([images.all.map(({ id }) => id), volumes.all.map(({ name }) => name)]).toEqual([[ids[1]], ["second"]]);
  expect(await readFile(join(volumes.mountpoint("second"), "data"), "utf8")).toBe("second");
});

test("what is started, joined or removed while containers and networks are pruned is left out", async () => {
  const states = new Map(
    ["gone", "runs", "left"].map((id) => [
      id,
      { id, config: {}, endpoints: {}, createdAt: 0, state: { status: "exited" } },
    ]),
  );
  const networks = ["gone", "joined", "left"].map((name) => ({ id: name, name, labels: {}, createdAt: 0 }));
  const deps = {
    dockerContainers: {
      store: { all: [...states.values()], find: (id: string) => states.get(id) },
      remove: async (id: string) => {
        const container = states.get(id);
        if (id === "gone") states.delete(id);
        if (id === "runs" && container !== undefined) container.state.status = "running";
        if (id !== "left") throw new Error("it is not there, or runs");
      },
    },
    networks: {
      all: networks,
      find: (id: string) => (id === "gone" ? undefined : networks.find((each) => each.id === id)),
      remove: async (id: string) => {
        if (id === "joined") throw new TsukubeError("forbidden", "it has active endpoints");
      },
    },
    endpoints: {},
    snapshotter: { writtenBytes: async () => 10 },
    ...{ clock: realClock, events: { publish: () => {} } },
  } as unknown as DockerDeps;
  const answerOf = async (path: string) =>
    [...pruneRoutes(deps), ...networkRoutes(deps)]
      .find((each) => each.path.test(path) && each.method === "POST")
      ?.handle({ query: new URLSearchParams() } as unknown as DockerRequest);
  expect(await answerOf("/containers/prune")).toMatchObject({
    json: { ContainersDeleted: ["left"], SpaceReclaimed: 10 },
  });
  expect(await answerOf("/networks/prune")).toMatchObject({ json: { NetworksDeleted: ["left"] } });
});
