import type { Node, Taint } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { executeTaints, noExecuteTaints, scheduleTaints } from "./taint-plan.ts";

const NOW = "2025-01-01T00:00:00Z";
const taint = (key: string, effect: string): Taint => ({ key: `node.kubernetes.io/${key}`, effect });
const node = (conditions: Record<string, string>, taints: readonly Taint[] = [], unschedulable = false): Node => ({
  spec: { taints, unschedulable },
  status: { conditions: Object.entries(conditions).map(([type, status]) => ({ type, status })) },
});
const keys = (taints: readonly Taint[] | undefined) =>
  taints?.map(({ key, effect }) => `${key.split("/")[1]}:${effect}`);

test.each([
  ["Ready", "False", "not-ready"],
  ["Ready", "Unknown", "unreachable"],
  ["MemoryPressure", "True", "memory-pressure"],
  ["DiskPressure", "True", "disk-pressure"],
  ["PIDPressure", "True", "pid-pressure"],
  ["NetworkUnavailable", "True", "network-unavailable"],
])("%s=%s keeps new pods away by taint %s", (type, status, key) => {
  expect(scheduleTaints(node({ [type]: status }), NOW)).toEqual({
    add: [{ key: `node.kubernetes.io/${key}`, effect: "NoSchedule", timeAdded: NOW }],
    remove: [],
  });
  expect(scheduleTaints(node({ [type]: status }, [taint(key, "NoSchedule")]), NOW)).toBeUndefined();
});

test("a node that is well, or says nothing yet, needs no taint", () => {
  const well = { Ready: "True", MemoryPressure: "False", DiskPressure: "Unknown", NetworkUnavailable: "False" };
  expect(scheduleTaints(node(well), NOW)).toBeUndefined();
  expect(scheduleTaints({}, NOW)).toBeUndefined();
});

test("a cordoned node is tainted as such", () => {
  expect(keys(scheduleTaints(node({}, [], true), NOW)?.add)).toEqual(["unschedulable:NoSchedule"]);
});

test("taints go with their condition; those of others stay", () => {
  const taints = [taint("not-ready", "NoSchedule"), taint("unschedulable", "NoSchedule")];
  const others = [taint("not-ready", "NoExecute"), { key: "mine", effect: "NoSchedule" }];
  expect(keys(scheduleTaints(node({ Ready: "True" }, [...taints, ...others]), NOW)?.remove)).toEqual([
    "not-ready:NoSchedule",
    "unschedulable:NoSchedule",
  ]);
  const swapped = scheduleTaints(node({ Ready: "Unknown" }, taints.slice(0, 1)), NOW);
  expect([keys(swapped?.add), keys(swapped?.remove)]).toEqual([["unreachable:NoSchedule"], ["not-ready:NoSchedule"]]);
});

test("pods are sent away from a node that is not ready, which is not urgent", () => {
  const [lost, unready] = [
    executeTaints(node({ Ready: "Unknown" }), NOW),
    executeTaints(node({ Ready: "False" }), NOW),
  ];
  expect([keys(lost?.change.add), lost?.urgent]).toEqual([["unreachable:NoExecute"], false]);
  expect([keys(unready?.change.add), unready?.urgent]).toEqual([["not-ready:NoExecute"], false]);
});

test("what pods are sent away for changes at once, and ends at once", () => {
  const swapped = executeTaints(node({ Ready: "Unknown" }, [taint("not-ready", "NoExecute")]), NOW);
  expect([keys(swapped?.change.add), keys(swapped?.change.remove), swapped?.urgent]).toEqual([
    ["unreachable:NoExecute"],
    ["not-ready:NoExecute"],
    true,
  ]);
  const ended = executeTaints(node({ Ready: "True" }, [taint("unreachable", "NoExecute")]), NOW);
  expect([keys(ended?.change.remove), ended?.urgent]).toEqual([["unreachable:NoExecute"], true]);
  expect(executeTaints(node({ Ready: "True" }), NOW)).toBeUndefined();
  expect(executeTaints(node({ Ready: "False" }, [taint("not-ready", "NoExecute")]), NOW)).toBeUndefined();
});

test("all that sends pods away for the node's sake can be taken back", () => {
  const taints = [taint("unreachable", "NoExecute"), taint("unreachable", "NoSchedule"), taint("mine", "NoExecute")];
  expect(keys(noExecuteTaints(node({ Ready: "Unknown" }, taints))?.remove)).toEqual(["unreachable:NoExecute"]);
  expect(noExecuteTaints(node({ Ready: "Unknown" }))).toBeUndefined();
});
