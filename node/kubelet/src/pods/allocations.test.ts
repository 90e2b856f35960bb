import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Allocations } from "./allocations.ts";

const GIB = 2 ** 30;
let folder: string;
let pods: Pod[];
let allocations: Allocations;

const open = () =>
  new Allocations({
    allocatable: { cpuMilli: 2000, memoryBytes: 4 * GIB },
    activePods: () => pods,
    fileOf: (pod) => join(folder, pod.metadata?.uid ?? "", "allocated.json"),
  });
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "allocations-"));
  pods = [];
  allocations = open();
});
afterEach(() => rmSync(folder, { recursive: true }));

const pod = (uid: string, cpu: string, memory = "1Gi"): Pod => ({
  metadata: { uid },
  spec: { containers: [{ name: "app", resources: { requests: { cpu, memory } } }] },
});
const cpuOf = (of: Pod): string | undefined =>
  allocations.allocated(of, of.spec?.containers[0] as Container).resources?.requests?.["cpu"];

test("a new pod has what it asks for, and a later wish is granted while there is room", () => {
  expect(allocations.resize(pod("a", "500m"))).toBeUndefined();
  expect(cpuOf(pod("a", "1500m"))).toBe("500m");
  expect(allocations.resize(pod("a", "1500m"))).toBeUndefined();
  expect(cpuOf(pod("a", "1500m"))).toBe("1500m");
});

test("more than the node has is infeasible; more than is left is put off until another pod is gone", () => {
  pods = [pod("a", "500m"), pod("b", "1")];
  for (const one of pods) allocations.resize(one);
  expect(allocations.resize(pod("a", "3"))).toEqual({
    reason: "Infeasible",
    message: "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
  });
  expect(allocations.resize(pod("a", "500m", "3.5Gi"))).toMatchObject({
    reason: "Deferred",
    message: expect.stringContaining("memory"),
  });
  expect(allocations.resize(pod("a", "1500m"))).toMatchObject({ reason: "Deferred" });
  expect([allocations.isDeferred("a"), cpuOf(pod("a", "1500m"))]).toEqual([true, "500m"]);
  pods = [pod("a", "1500m")];
  expect(allocations.resize(pod("a", "1500m"))).toBeUndefined();
  expect([allocations.isDeferred("a"), cpuOf(pod("a", "1500m"))]).toEqual([false, "1500m"]);
});

test("what others were given counts, not what they wish for", () => {
  pods = [pod("a", "500m"), pod("b", "500m")];
  for (const one of pods) allocations.resize(one);
  pods = [pod("a", "1500m"), pod("b", "2")];
  expect(allocations.resize(pod("b", "2"))).toMatchObject({ reason: "Deferred" });
  expect(allocations.resize(pod("a", "1500m"))).toBeUndefined();
});

test("taking a wish back is no resize", () => {
  allocations.resize(pod("a", "500m"));
  allocations.resize(pod("a", "9"));
  expect(allocations.resize(pod("a", "500m"))).toBeUndefined();
});

test("what was given is known after a restart of the kubelet", () => {
  allocations.resize(pod("a", "500m"));
  allocations = open();
  expect(cpuOf(pod("a", "1500m"))).toBe("500m");
});
