import type { Lease } from "@tsukube/api/types/coordination-v1";
import type { Node } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { graceLeft, type Health, observe, unknownConditions } from "./health.ts";

const EPOCH = Date.UTC(2025, 0, 1);
const at = (seconds: number) => ({ now: EPOCH + seconds * 1000, monotonic: seconds * 1000 });
const time = (seconds: number) => new Date(EPOCH + seconds * 1000).toISOString();
const lease = (seconds: number): Lease => ({ spec: { renewTime: time(seconds) } });
const metadata = { name: "n", creationTimestamp: time(0) };
const node = (heartbeat?: number, status = "True"): Node => ({
  metadata,
  ...(heartbeat !== undefined && {
    status: { conditions: [{ type: "Ready", status, lastHeartbeatTime: time(heartbeat) }] },
  }),
});

/** What is left after looks at these times. */
function left(...looks: readonly (readonly [seconds: number, node: Node, lease?: Lease])[]): number {
  let health: Health | undefined;
  let seconds = 0;
  for (const [when, seen, renewed] of looks) {
    health = observe(health, seen, renewed, at(when));
    seconds = when;
  }
  return graceLeft(health as Health, at(seconds)) / 1000;
}

test("a node that never had a status has a minute from its creation", () => {
  expect(left([10, node()])).toBe(50);
  expect(left([10, node()], [70, node()])).toBe(-10);
});

test("a status that is seen first is a sign, however old it is", () => {
  expect(left([1000, node(5)])).toBe(50);
  expect(left([10, node()], [70, node(60)])).toBe(50);
});

test("each heartbeat and each renewal of the lease is a sign, what is repeated is none", () => {
  expect(left([0, node(0)], [40, node(30)])).toBe(50);
  expect(left([0, node(0)], [40, node(0)])).toBe(10);
  expect(left([0, node(0), lease(0)], [40, node(0), lease(40)], [60, node(0), lease(40)])).toBe(30);
  expect(left([0, node(0), lease(0)], [40, node(0)])).toBe(10);
});

test("leases keep a node alive that never had a status", () => {
  expect(left([10, node(), lease(10)], [65, node(), lease(60)])).toBe(60);
});

test("nothing is known any more of a lost node but its network", () => {
  const conditions = [
    { type: "Ready", status: "True", reason: "KubeletReady", lastHeartbeatTime: time(1) },
    { type: "MemoryPressure", status: "False" },
    { type: "DiskPressure", status: "Unknown", reason: "Old" },
    { type: "NetworkUnavailable", status: "False" },
  ];
  expect(unknownConditions({ metadata, status: { conditions } }, EPOCH + 60_000)).toEqual([
    {
      type: "Ready",
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastHeartbeatTime: time(1),
      lastTransitionTime: "2025-01-01T00:01:00Z",
    },
    {
      type: "MemoryPressure",
      status: "Unknown",
      reason: "NodeStatusUnknown",
      message: "Kubelet stopped posting node status.",
      lastTransitionTime: "2025-01-01T00:01:00Z",
    },
    { type: "DiskPressure", status: "Unknown", reason: "Old" },
    { type: "NetworkUnavailable", status: "False" },
    {
      type: "PIDPressure",
      status: "Unknown",
      reason: "NodeStatusNeverUpdated",
      message: "Kubelet never posted node status.",
      lastHeartbeatTime: time(0),
      lastTransitionTime: "2025-01-01T00:01:00Z",
    },
  ]);
});

test("a node that is marked already stays as it is", () => {
  expect(unknownConditions(node(0, "Unknown"), EPOCH)).toBeUndefined();
});
