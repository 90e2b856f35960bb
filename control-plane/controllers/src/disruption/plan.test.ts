import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from "@tsukube/api/types/policy-v1";
import { expect, test } from "vitest";
import { failed, needsWorkloads, plan } from "./plan.ts";

const NOW = Date.UTC(2025, 0, 1, 0, 10);
const at = (seconds: number) => new Date(NOW + seconds * 1000).toISOString().replace(".000", "");
const budget = (spec: PodDisruptionBudgetSpec, status: PodDisruptionBudget["status"] = {}): PodDisruptionBudget => ({
  metadata: { name: "b", generation: 3 },
  spec,
  status,
});

function pod(name: string, { ready = true, owner = "set", deleted = false } = {}): Pod {
  const controller = { apiVersion: "apps/v1", kind: "ReplicaSet", name: owner, uid: owner, controller: true };
  return {
    metadata: {
      name,
      ...(owner !== "" && { ownerReferences: [controller] }),
      ...(deleted && { deletionTimestamp: at(0) }),
    },
    status: { conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}

const pods = (...names: string[]) => names.map((name) => pod(name));
const workloads = (...replicas: number[]) =>
  new Map(replicas.map((count, index) => [index === 0 ? "set" : `set${index}`, { uid: `w${index}`, replicas: count }]));
const counts = (spec: PodDisruptionBudgetSpec, all: readonly Pod[], known = workloads(4)) => {
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = plan(
    budget(spec),
    all,
    known,
    NOW,
  ).status;
  return [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods];
};

test("a number of pods that must be available leaves the others to go", () => {
  expect(counts({ minAvailable: 2 }, pods("a", "b", "c"))).toEqual([1, 3, 2, 3]);
  expect(counts({ minAvailable: 3 }, pods("a", "b", "c"))).toEqual([0, 3, 3, 3]);
  expect(counts({ minAvailable: 5 }, pods("a"))).toEqual([0, 1, 5, 1]);
});

test("a share is of what the workloads want, not of what there is, and is rounded up", () => {
  expect(counts({ minAvailable: "50%" }, pods("a", "b", "c"), workloads(5))).toEqual([0, 3, 3, 5]);
  expect(counts({ minAvailable: "50%" }, pods("a", "b", "c", "d"), workloads(5))).toEqual([1, 4, 3, 5]);
  expect(counts({ maxUnavailable: "30%" }, pods("a", "b", "c", "d"))).toEqual([2, 4, 2, 4]);
});

test("a number of pods that may be missing counts from what the workloads want", () => {
  expect(counts({ maxUnavailable: 1 }, pods("a", "b", "c", "d"))).toEqual([1, 4, 3, 4]);
  expect(counts({ maxUnavailable: 1 }, pods("a", "b", "c"))).toEqual([0, 3, 3, 4]);
  expect(counts({ maxUnavailable: 9 }, pods("a"))).toEqual([1, 1, 0, 4]);
});

test("pods of several workloads count together, those of one Deployment once", () => {
  const two = [pod("a"), pod("b", { owner: "set1" })];
  expect(counts({ maxUnavailable: 1 }, two, workloads(1, 2))).toEqual([0, 2, 2, 3]);
  const same = new Map(["set", "set1"].map((uid) => [uid, { uid: "deployment", replicas: 2 }]));
  expect(counts({ maxUnavailable: 1 }, two, same)).toEqual([1, 2, 1, 2]);
});

test("pods that are not ready, or are going, are not healthy", () => {
  const some = [pod("a"), pod("b", { ready: false }), pod("c", { deleted: true })];
  expect(counts({ minAvailable: 0 }, some)).toEqual([1, 1, 0, 3]);
});

test("a budget without pods allows nothing", () => {
  expect(counts({ minAvailable: 0 }, [])).toEqual([0, 0, 0, 0]);
  expect(counts({}, pods("a"))).toEqual([0, 1, 0, 0]);
});

test("the condition says whether something is allowed, and since when", () => {
  const condition = (all: readonly Pod[], before?: PodDisruptionBudget["status"]) =>
    plan(budget({ minAvailable: 1 }, before), all, workloads(), NOW).status.conditions?.[0];
  const allowed = condition(pods("a", "b"));
  expect(allowed).toEqual({
    type: "DisruptionAllowed",
    status: "True",
    reason: "SufficientPods",
    message: "",
    observedGeneration: 3,
    lastTransitionTime: at(0),
  });
  const old = { ...allowed, type: "DisruptionAllowed", status: "True", lastTransitionTime: at(-60) };
  const conditions = [old] as NonNullable<PodDisruptionBudget["status"]>["conditions"] & object;
  expect(condition(pods("a", "b"), { conditions })?.lastTransitionTime).toBe(at(-60));
  expect(condition(pods("a"), { conditions })).toMatchObject({
    status: "False",
    reason: "InsufficientPods",
    lastTransitionTime: at(0),
  });
});

test("who is to be evicted does not count, until it is seen going or was not deleted after all", () => {
  const disruptedPods = { a: at(-60), b: at(-121), c: at(-10), gone: at(0) };
  const all = [pod("a"), pod("b"), pod("c", { deleted: true }), pod("d")];
  const { status, undeleted, recheckAfterMs } = plan(
    budget({ minAvailable: 0 }, { disruptedPods }),
    all,
    workloads(),
    NOW,
  );
  expect(status.disruptedPods).toEqual({ a: at(-60) });
  expect(status.currentHealthy).toBe(2);
  expect(undeleted.map(({ metadata }) => metadata?.name)).toEqual(["b"]);
  expect(recheckAfterMs).toBe(60_001);
});

test("pods that nothing manages are named where it matters", () => {
  const all = [pod("a", { owner: "" }), pod("b")];
  expect(plan(budget({ minAvailable: 1 }), all, workloads(4), NOW).unmanaged).toEqual([]);
  expect(plan(budget({ maxUnavailable: 1 }), all, workloads(4), NOW).unmanaged).toEqual(["a"]);
  expect([needsWorkloads(budget({ minAvailable: "1%" })), needsWorkloads(budget({}))]).toEqual([true, false]);
});

test("a budget that cannot be counted allows nothing, and says why", () => {
  const status = failed(budget({}, { disruptionsAllowed: 2, currentHealthy: 4, observedGeneration: 2 }), "why", NOW);
  expect(status).toMatchObject({
    disruptionsAllowed: 0,
    currentHealthy: 4,
    conditions: [{ type: "DisruptionAllowed", status: "False", reason: "SyncFailed", message: "why" }],
  });
});
