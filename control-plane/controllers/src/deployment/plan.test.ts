import type { Deployment, ReplicaSet } from "@tsukube/api/types/apps-v1";
import { expect, test } from "vitest";
import { limitsOf, planCleanup, planRecreate, planRolling, REVISION } from "./plan.ts";
import { nextRevision } from "./replica-set-keeper.ts";
import { withAvailability } from "./status.ts";
import { templateHash } from "./template-hash.ts";

function deployment(replicas: number, maxSurge: number | string, maxUnavailable: number | string): Deployment {
  const strategy = { type: "RollingUpdate", rollingUpdate: { maxSurge, maxUnavailable } };
  return { spec: { replicas, strategy, selector: {}, template: {} } };
}

function set(name: string, replicas: number, available = replicas, revision = 1): ReplicaSet {
  return {
    metadata: { name, creationTimestamp: `2025-01-0${revision}T00:00:00Z`, annotations: { [REVISION]: `${revision}` } },
    spec: { replicas, selector: {} },
    status: { replicas, availableReplicas: available },
  };
}

const short = (steps: ReturnType<typeof planRolling>): unknown =>
  steps.map((step) => [step.set.metadata?.name, step.replicas]);

test.each([
  [10, "25%", "25%", { surge: 3, unavailable: 2 }],
  [4, 0, 0, { surge: 0, unavailable: 1 }],
  [1, "25%", "25%", { surge: 1, unavailable: 0 }],
])("limits of %i replicas with %s above, %s below", (replicas, surge, unavailable, limits) => {
  expect(limitsOf(deployment(replicas, surge, unavailable))).toEqual(limits);
});

test("a deployment that recreates its pods is available once all of them are", () => {
  const recreating: Deployment = { spec: { replicas: 3, strategy: { type: "Recreate" }, selector: {}, template: {} } };
  const said = [0, 2, 3].map((availableReplicas) => {
    const rollout = { deployment: recreating, current: set("new", 3, availableReplicas), old: [] };
    return withAvailability([], rollout, { availableReplicas }, 0)[0]?.status;
  });
  expect(said).toEqual(["False", "False", "True"]);
});

test("a rolling update first grows the new set up to the surge", () => {
  expect(short(planRolling(deployment(4, 1, 1), set("new", 0), [set("old", 4)]))).toEqual([["new", 1]]);
});

test("old replicas go only as far as enough stay available", () => {
  expect(short(planRolling(deployment(4, 1, 1), set("new", 1, 0), [set("old", 4)]))).toEqual([["old", 3]]);
  expect(short(planRolling(deployment(4, 1, 0), set("new", 1, 0), [set("old", 4)]))).toEqual([]);
});

test("unhealthy old replicas go before healthy ones", () => {
  const old = [set("a", 2, 2, 1), set("b", 2, 0, 2)];
  expect(short(planRolling(deployment(4, 0, 2), set("new", 0), old))).toEqual([["b", 0]]);
});

test("a new set above the wanted size shrinks", () => {
  expect(short(planRolling(deployment(2, 1, 1), set("new", 5), []))).toEqual([["new", 2]]);
});

test("a rollout that is done changes nothing", () => {
  expect(planRolling(deployment(3, 1, 1), set("new", 3), [set("old", 0)])).toEqual([]);
});

test("recreate waits until the last old pod is gone", () => {
  const one = deployment(3, 0, 1);
  expect(short(planRecreate(one, set("new", 0), [set("old", 3)], 3))).toEqual([["old", 0]]);
  expect(planRecreate(one, set("new", 0), [set("old", 0)], 1)).toEqual([]);
  expect(short(planRecreate(one, set("new", 0), [set("old", 0)], 0))).toEqual([["new", 3]]);
});

test("history beyond the limit goes, oldest revision first, never a set with replicas", () => {
  const limited: Deployment = { spec: { revisionHistoryLimit: 1, selector: {}, template: {} } };
  const old = [set("three", 0, 0, 3), set("one", 0, 0, 1), set("two", 0, 0, 2), set("busy", 1, 1, 4)];
  expect(planCleanup(limited, old).map(({ metadata }) => metadata?.name)).toEqual(["one", "two"]);
});

test.each([
  ["9", "10"],
  ["3546343826724305832", "3546343826724305833"],
  ["9999999999999999999", "1"],
  ["x", "1"],
  ["", "1"],
])("after revision %j of an adopted set comes %s", (revision, next) => {
  const adopted = { ...set("old", 1), metadata: { annotations: { [REVISION]: revision } } };
  expect(String(nextRevision([adopted, set("one", 1, 1, 0)]))).toBe(next);
});

test("the hash depends on content and collisions, not on the order of keys", () => {
  const a = templateHash({ metadata: { labels: { x: "1", y: "2" } } });
  expect(templateHash({ metadata: { labels: { y: "2", x: "1" } } })).toBe(a);
  expect(templateHash({ metadata: { labels: { x: "1", y: "3" } } })).not.toBe(a);
  expect(templateHash({ metadata: { labels: { x: "1", y: "2" } } }, 1)).not.toBe(a);
});
