import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { missingNodes, plan } from "./plan.ts";

const DELETED = { deletionTimestamp: "2025-01-01T00:00:00Z" };
const NONE: ReadonlySet<string> = new Set();

function pod(name: string, nodeName: string, phase: string, more: Partial<Pod["metadata"]> = {}, reason?: string): Pod {
  return {
    metadata: { name, creationTimestamp: "2025-01-01T00:00:00Z", ...more },
    spec: { containers: [], ...(nodeName !== "" && { nodeName }) },
    status: { phase, ...(reason !== undefined && { reason }) },
  };
}

function node(name: string, ready: string, ...taints: readonly string[]): Node {
  return {
    metadata: { name },
    spec: { taints: taints.map((key) => ({ key, effect: "NoExecute" })) },
    status: { conditions: [{ type: "Ready", status: ready }] },
  };
}

const chosen = (around: Parameters<typeof plan>[0]): unknown =>
  plan(around).map(({ pod: { metadata }, cause }) => `${metadata?.name}: ${cause}`);

test("finished pods beyond the limit go, evicted ones first, then the oldest", () => {
  const pods = [
    pod("young", "n", "Succeeded", { creationTimestamp: "2025-01-03T00:00:00Z" }),
    pod("old", "n", "Failed", { creationTimestamp: "2025-01-01T00:00:00Z" }),
    pod("evicted", "n", "Failed", { creationTimestamp: "2025-01-02T00:00:00Z" }, "Evicted"),
    pod("runs", "n", "Running"),
    pod("going", "n", "Succeeded", DELETED),
  ];
  expect(chosen({ pods, nodes: [], goneNodes: NONE, kept: 1 })).toEqual(["evicted: finished", "old: finished"]);
  expect(chosen({ pods, nodes: [], goneNodes: NONE, kept: 3 })).toEqual([]);
  expect(chosen({ pods, nodes: [], goneNodes: NONE, kept: 0 })).toEqual([]);
});

test("pods of nodes that are gone for good go, in every phase", () => {
  const pods = [pod("a", "gone", "Running"), pod("b", "gone", "Succeeded"), pod("c", "here", "Running")];
  expect(chosen({ pods, nodes: [], goneNodes: new Set(["gone"]) })).toEqual(["a: no node", "b: no node"]);
});

test("deleted pods that never got a node go; others without one stay", () => {
  const pods = [pod("deleted", "", "Pending", DELETED), pod("waits", "", "Pending")];
  expect(chosen({ pods, nodes: [], goneNodes: NONE })).toEqual(["deleted: never scheduled"]);
});

test("deleted pods of a node out of service go once it is not ready", () => {
  const pods = [pod("deleted", "n", "Running", DELETED), pod("runs", "n", "Running")];
  const taint = "node.kubernetes.io/out-of-service";
  expect(chosen({ pods, nodes: [node("n", "False", taint)], goneNodes: NONE })).toEqual([
    "deleted: node out of service",
  ]);
  expect(chosen({ pods, nodes: [node("n", "True", taint)], goneNodes: NONE })).toEqual([]);
  expect(chosen({ pods, nodes: [node("n", "False", "other")], goneNodes: NONE })).toEqual([]);
});

test("each pod is chosen once, whatever speaks for it", () => {
  const pods = [pod("a", "gone", "Failed"), pod("b", "gone", "Failed")];
  expect(chosen({ pods, nodes: [], goneNodes: new Set(["gone"]), kept: 1 })).toEqual(["a: finished", "b: no node"]);
});

test("a node is missing when pods name it and it is not there", () => {
  const pods = [pod("a", "gone", "Running"), pod("b", "here", "Running"), pod("c", "", "Pending")];
  expect([...missingNodes(pods, [node("here", "True")])]).toEqual(["gone"]);
});
