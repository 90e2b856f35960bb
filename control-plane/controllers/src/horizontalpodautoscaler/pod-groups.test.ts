import type { Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { groupPods } from "./pod-groups.ts";

const NOW = Date.UTC(2025, 0, 1, 1);
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

/** A pod that started so long ago, and is ready or not since. */
function pod(name: string, started = 3600, ready = true, since = 3500, phase = "Running"): Pod {
  const conditions = [{ type: "Ready", status: ready ? "True" : "False", lastTransitionTime: ago(since) }];
  return { metadata: { name }, status: { phase, startTime: ago(started), conditions } };
}

const measured = (...names: string[]) =>
  new Map(names.map((name) => [name, { value: 100, at: NOW - 30_000, windowMs: 60_000 }]));
const groups = (
  resource: string,
  pods: readonly Pod[],
  metrics = measured(...pods.map((each) => each.metadata?.name ?? "")),
) => {
  const { values, unready, missing } = groupPods(pods, metrics, resource, NOW);
  return { counted: [...values.keys()], unready: [...unready], missing: [...missing] };
};

test("pods that run count, those that were not measured are missing", () => {
  expect(groups("cpu", [pod("a"), pod("b")], measured("a"))).toEqual({ counted: ["a"], unready: [], missing: ["b"] });
});

test("pods that end or failed are nothing, those that wait are not ready", () => {
  const going = { ...pod("a"), metadata: { name: "a", deletionTimestamp: ago(1) } };
  const all = [going, pod("b", 1, false, 1, "Failed"), pod("c", 1, false, 1, "Pending")];
  expect(groups("cpu", all)).toEqual({ counted: [], unready: ["c"], missing: [] });
});

test("what a pod used to start says nothing: only CPU is spent so", () => {
  const starting = pod("a", 60, false, 60);
  expect(groups("cpu", [starting]).unready).toEqual(["a"]);
  expect(groups("memory", [starting]).counted).toEqual(["a"]);
});

test("a young pod counts once it was measured after it got ready", () => {
  expect(groups("cpu", [pod("a", 200, true, 60)]).unready).toEqual(["a"]);
  expect(groups("cpu", [pod("a", 200, true, 100)]).counted).toEqual(["a"]);
});

test("an old pod that was never ready does not count, one that was and is not does", () => {
  expect(groups("cpu", [pod("a", 3600, false, 3590)]).unready).toEqual(["a"]);
  expect(groups("cpu", [pod("a", 3600, false, 60)]).counted).toEqual(["a"]);
});

test("a pod that does not say when it started is starting", () => {
  expect(groups("cpu", [{ metadata: { name: "a" }, status: { phase: "Running" } }]).unready).toEqual(["a"]);
});
