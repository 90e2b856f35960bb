import type { ReplicaSet } from "@tsukube/api/types/apps-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { plan, statusOf } from "./plan.ts";

const NOW = Date.UTC(2025, 0, 1, 1);

function setOf(replicas: number, minReadySeconds = 0): ReplicaSet {
  return { metadata: { generation: 2 }, spec: { replicas, minReadySeconds, selector: {} } };
}

function pod(name: string, phase: string, more: { readonly readyAgo?: number; readonly node?: string } = {}): Pod {
  const { readyAgo, node = "n" } = more;
  const lastTransitionTime = new Date(NOW - (readyAgo ?? 0) * 1000).toISOString();
  const conditions = readyAgo === undefined ? [] : [{ type: "Ready", status: "True", lastTransitionTime }];
  return {
    metadata: { name, uid: name, creationTimestamp: "2025-01-01T00:00:00Z" },
    spec: { nodeName: node, containers: [] },
    status: { phase, conditions },
  };
}

const names = (set: ReplicaSet, pods: readonly Pod[]): unknown =>
  plan(set, pods, NOW).remove.map((p) => p.metadata?.name);

test("missing pods are made; finished and terminating ones do not count", () => {
  const going: Pod = {
    ...pod("going", "Running"),
    metadata: { name: "going", deletionTimestamp: "2025-01-01T00:00:00Z" },
  };
  expect(plan(setOf(3), [pod("a", "Running"), pod("b", "Failed"), going], NOW)).toEqual({ create: 2, remove: [] });
});

test("those on their way out are told of as terminating by kinds that tell, unless they have finished", () => {
  const leaving = (phase: string): Pod => ({
    ...pod(phase, phase),
    metadata: { name: phase, deletionTimestamp: "2025-01-01T00:00:00Z" },
  });
  const pods = [pod("a", "Running"), leaving("Running"), leaving("Pending"), leaving("Failed"), leaving("Succeeded")];
  expect(statusOf(setOf(3), pods, NOW, true).status).toMatchObject({ replicas: 1, terminatingReplicas: 2 });
  expect(statusOf(setOf(3), [], NOW, true).status).toMatchObject({ terminatingReplicas: 0 });
  expect(statusOf(setOf(3), pods, NOW).status).not.toHaveProperty("terminatingReplicas");
});

test("at most 500 pods are made at once", () => {
  expect(plan(setOf(2000), [], NOW).create).toBe(500);
});

test("pods go in the order unassigned, pending, not ready, ready for the shortest time", () => {
  const old = pod("old", "Running", { readyAgo: 3000 });
  const young = pod("young", "Running", { readyAgo: 10 });
  const unready = pod("unready", "Running");
  const pending = pod("pending", "Pending");
  const unassigned = pod("unassigned", "Pending", { node: "" });
  expect(names(setOf(0), [old, young, unready, pending, unassigned])).toEqual([
    "unassigned",
    "pending",
    "unready",
    "young",
    "old",
  ]);
});

test("of ready pods those go first that share their node", () => {
  const pods = ["a", "b", "c"].map((name) =>
    pod(name, "Running", { readyAgo: 60, node: name === "a" ? "one" : "two" }),
  );
  expect(names(setOf(2), pods)).toEqual(["b"]);
});

test("a ready pod becomes available after minReadySeconds, which is when to look again", () => {
  const { status, changesInMs } = statusOf(setOf(1, 30), [pod("a", "Running", { readyAgo: 10 })], NOW);
  expect(status).toMatchObject({ replicas: 1, readyReplicas: 1, availableReplicas: 0, observedGeneration: 2 });
  expect(changesInMs).toBe(20_000);
  expect(statusOf(setOf(1, 30), [pod("a", "Running", { readyAgo: 30 })], NOW).status.availableReplicas).toBe(1);
});
