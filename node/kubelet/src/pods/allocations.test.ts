import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
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
  allocations.allocated(of).spec?.containers[0]?.resources?.requests?.["cpu"];

test("a new pod has what it asks for, and a later wish is granted while there is room", () => {
  expect(allocations.resize(pod("a", "500m"))).toEqual({});
  expect(cpuOf(pod("a", "1500m"))).toBe("500m");
  expect(allocations.resize(pod("a", "1500m"))).toEqual({ news: "ResizeStarted" });
  expect([allocations.resize(pod("a", "1500m")), cpuOf(pod("a", "1500m"))]).toEqual([{}, "1500m"]);
});

test("more than the node has is infeasible; more than is left is put off until another pod is gone", () => {
  pods = [pod("a", "500m"), pod("b", "1")];
  for (const one of pods) allocations.resize(one);
  const pending = {
    reason: "Infeasible",
    message: "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
  };
  expect(allocations.resize(pod("a", "3"))).toEqual({ pending, news: "ResizeInfeasible" });
  expect(allocations.resize(pod("a", "3"))).toEqual({ pending });
  expect(allocations.resize(pod("a", "500m", "3.5Gi"))).toMatchObject({
    pending: { reason: "Deferred", message: expect.stringContaining("memory") },
    news: "ResizeDeferred",
  });
  expect(allocations.resize(pod("a", "1500m")).pending?.reason).toBe("Deferred");
  expect([allocations.isDeferred("a"), cpuOf(pod("a", "1500m"))]).toEqual([true, "500m"]);
  pods = [pod("a", "1500m")];
  expect(allocations.resize(pod("a", "1500m")).pending).toBeUndefined();
  expect([allocations.isDeferred("a"), cpuOf(pod("a", "1500m"))]).toEqual([false, "1500m"]);
});

test("what others were given counts, not what they wish for", () => {
  pods = [pod("a", "500m"), pod("b", "500m")];
  for (const one of pods) allocations.resize(one);
  pods = [pod("a", "1500m"), pod("b", "2")];
  expect(allocations.resize(pod("b", "2")).pending?.reason).toBe("Deferred");
  expect(allocations.resize(pod("a", "1500m")).pending).toBeUndefined();
});

test("taking a wish back is no resize", () => {
  allocations.resize(pod("a", "500m"));
  allocations.resize(pod("a", "9"));
  expect(allocations.resize(pod("a", "500m"))).toEqual({});
});

test("a pod as a whole has what it was given, too", () => {
  const whole = (cpu: string): Pod => ({
    metadata: { uid: "w" },
    spec: { containers: [{ name: "app" }], resources: { requests: { cpu } } },
  });
  const given = () => allocations.allocated(whole("9")).spec?.resources;
  allocations.resize(whole("500m"));
  expect(allocations.resize(whole("9")).pending?.reason).toBe("Infeasible");
  expect(given()).toEqual({ requests: { cpu: "500m" } });
  expect(allocations.resize(whole("1"))).toEqual({ news: "ResizeStarted" });
  expect(given()).toEqual({ requests: { cpu: "1" } });
});

test("what was given is known after a restart of the kubelet", () => {
  allocations.resize(pod("a", "500m"));
  allocations = open();
  expect(cpuOf(pod("a", "1500m"))).toBe("500m");
});

test("an ephemeral container is no resize, also where the node has no room for the pod's own wishes", () => {
  const debugged = (cpu: string): Pod => {
    const { spec, ...others } = pod("a", cpu);
    return { ...others, spec: { containers: [], ...spec, ephemeralContainers: [{ name: "debugger" }] } };
  };
  allocations.resize(pod("a", "3"));
  expect(allocations.resize(debugged("3"))).toEqual({});
  expect(allocations.allocated(debugged("3")).spec?.ephemeralContainers).toEqual([{ name: "debugger" }]);
});

test("what an earlier kubelet did not note is given at first sight, once, and what it noted besides is forgotten", () => {
  const whole = (cpu: string): Pod => {
    const { spec, ...others } = pod("w", "500m");
    return { ...others, spec: { containers: [], ...spec, resources: { requests: { cpu } } } };
  };
  mkdirSync(join(folder, "w"));
  const kept = { app: { requests: { cpu: "500m", memory: "1Gi" } }, debugger: {} };
  writeFileSync(join(folder, "w", "allocated.json"), JSON.stringify(kept));
  expect(allocations.resize(whole("1"))).toEqual({});
  for (const later of [allocations, open()]) {
    expect(later.resize(whole("9")).pending?.reason).toBe("Infeasible");
    expect(later.allocated(whole("9")).spec?.resources).toEqual({ requests: { cpu: "1" } });
  }
});

test("a pod as a whole that was given nothing has nothing until its wish is granted", () => {
  allocations.resize(pod("a", "500m"));
  const { spec, ...others } = pod("a", "500m");
  const wishing: Pod = { ...others, spec: { containers: [], ...spec, resources: { requests: { cpu: "9" } } } };
  expect(allocations.resize(wishing).pending?.reason).toBe("Infeasible");
  expect(allocations.allocated(wishing).spec).not.toHaveProperty("resources");
});
