import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import type { DockerDeps, DockerRequest } from "./contracts.ts";
import { pruneRoutes } from "./prune-routes.ts";

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
