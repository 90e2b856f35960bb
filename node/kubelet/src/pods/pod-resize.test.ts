import type { Container, Pod, PodSpec } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { containerResources, oomScoreOf, podLimits } from "../containers/resources.ts";
import type { PodContext } from "./pod-context.ts";
import { changedResources, resizeNeedsRestart, resizePod } from "./pod-resize.ts";
import type { RuntimeContainer } from "./runtime-state.ts";

const container = (cpu: string, memory: string, more: Partial<Container> = {}): Container => ({
  name: "app",
  resources: { requests: { cpu, memory }, limits: { cpu, memory } },
  ...more,
});
const podOf = (containers: readonly Container[], more: Partial<PodSpec> = {}): Pod => ({
  spec: { containers, ...more },
});
const resources = (cpu: string, memory: string) => containerResources({}, container(cpu, memory));

const STATUS = { name: "app", ready: true, restartCount: 0, image: "", imageID: "" };

test("what changed is told by resource", () => {
  const before = resources("100m", "64Mi");
  expect(changedResources(resources("0.1", "67108864"), before)).toEqual([]);
  expect(changedResources(resources("200m", "64Mi"), before)).toEqual(["cpu"]);
  expect(changedResources(resources("100m", "65Mi"), before)).toEqual(["memory"]);
  expect(changedResources(resources("1", "1Gi"), before)).toEqual(["cpu", "memory"]);
});

test("only a change of a resource whose policy asks for it needs a restart", () => {
  const resizePolicy = [
    { resourceName: "cpu", restartPolicy: "NotRequired" },
    { resourceName: "memory", restartPolicy: "RestartContainer" },
  ];
  const before = { id: "1", resources: resources("100m", "64Mi") };
  expect(resizeNeedsRestart({}, container("200m", "64Mi", { resizePolicy }), before)).toBe(false);
  expect(resizeNeedsRestart({}, container("100m", "128Mi", { resizePolicy }), before)).toBe(true);
  expect(resizeNeedsRestart({}, container("100m", "128Mi"), before)).toBe(false);
  const asked = (memory: string, containerID = "tsukube://1"): Pod => ({
    status: { containerStatuses: [{ ...STATUS, containerID, resources: { requests: { memory } } }] },
  });
  const same = container("100m", "64Mi", { resizePolicy });
  expect(resizeNeedsRestart(asked("32Mi"), same, before)).toBe(true);
  expect(resizeNeedsRestart(asked("67108864"), same, before)).toBe(false);
  expect(resizeNeedsRestart(asked("32Mi", "tsukube://0"), same, before)).toBe(false);
});

test("a pod's cgroup has the sum of its containers' limits, where each has one, or what a larger init container needs", () => {
  const two = [container("500m", "64Mi"), container("250m", "32Mi")];
  expect(podLimits(podOf(two))).toEqual({
    cpuShares: 768,
    cpuPeriod: 100_000,
    cpuQuota: 75_000,
    memoryBytes: 96 << 20,
  });
  const larger = { initContainers: [container("2", "1Gi")] };
  expect(podLimits(podOf(two, larger))).toMatchObject({ cpuQuota: 200_000, memoryBytes: 1 << 30 });
  expect(podLimits(podOf([...two, { name: "free" }]))).toMatchObject({
    cpuShares: 768,
    cpuQuota: -1,
    memoryBytes: -1,
  });
  const own = podOf(two, { resources: { limits: { memory: "1Gi" }, requests: { cpu: "2" } } });
  expect(podLimits(own)).toMatchObject({ cpuShares: 2048, memoryBytes: 1 << 30 });
});

test("a container without limits has those of its pod", () => {
  const whole = podOf([], { resources: { limits: { cpu: "500m", memory: "64Mi" } } });
  expect(containerResources(whole, { name: "app" })).toMatchObject({
    cpuShares: 512,
    cpuQuota: 50_000,
    memoryLimitInBytes: 64 << 20,
  });
  expect(containerResources(whole, container("100m", "32Mi"))).toMatchObject({
    cpuShares: 102,
    cpuQuota: 10_000,
    memoryLimitInBytes: 32 << 20,
  });
});

test.each<[string, PodSpec, string, number]>([
  ["Burstable", { containers: [container("1", "300Mi")] }, "app", 708],
  ["Burstable", { containers: [container("1", "1")] }, "app", 999],
  ["Burstable", { containers: [container("1", "2Gi")] }, "app", 3],
  ["Guaranteed", { containers: [container("1", "300Mi")] }, "app", -997],
  ["BestEffort", { containers: [{ name: "app" }] }, "app", 1000],
  ["Burstable", { containers: [container("1", "1")], priority: 2_000_001_000 }, "app", -997],
  [
    "Burstable",
    { containers: [container("1", "100Mi"), { name: "b" }], resources: { requests: { memory: "300Mi" } } },
    "app",
    805,
  ],
  [
    "Burstable",
    { containers: [container("1", "100Mi"), { name: "b" }], resources: { requests: { memory: "300Mi" } } },
    "b",
    903,
  ],
  [
    "Burstable",
    { containers: [container("1", "300Mi")], initContainers: [{ name: "side", restartPolicy: "Always" }] },
    "side",
    708,
  ],
])("of a %s pod %j container %s has the OOM score %i in a GiB", (qosClass, spec, name, score) => {
  const pod = { spec, status: { qosClass } };
  const found = [...spec.containers, ...(spec.initContainers ?? [])].find((one) => one.name === name);
  expect(oomScoreOf(pod, found as Container, 2 ** 30)).toBe(score);
});

test("huge pages are limited for containers and for their pod, to none of a size that nobody asks for", () => {
  const asking = (...amounts: readonly string[]): readonly Container[] =>
    amounts.map((amount) => ({ name: "app", resources: { limits: { memory: "1Gi", "hugepages-2Mi": amount } } }));
  const [app = { name: "" }] = asking("4Mi");
  expect(containerResources({}, app, ["2MB", "1GB"]).hugepageLimits).toEqual([
    { pageSize: "2MB", limit: 4 << 20 },
    { pageSize: "1GB", limit: 0 },
  ]);
  expect(containerResources({}, { name: "none" }).hugepageLimits).toBeUndefined();
  expect(containerResources({}, app).hugepageLimits).toEqual([{ pageSize: "2MB", limit: 4 << 20 }]);
  const pages = (lasting: readonly Container[], initial: readonly Container[]) =>
    podLimits(podOf(lasting, { initContainers: initial }), ["2MB", "1GB"]).hugepages;
  expect(pages([...asking("4Mi", "2Mi"), { name: "none" }], asking("2Mi"))).toEqual({ "2MB": 6 << 20, "1GB": 0 });
  expect(pages(asking("4Mi"), asking("8Mi"))).toEqual({ "2MB": 8 << 20, "1GB": 0 });
});

const MIB = 1 << 20;

/** A pod of one container with a limit of 512Mi: what its cgroup and its container's are told, in mebibytes of memory. */
function resizing(memory: string, used: number, refuses = false) {
  const pod = podOf([container("1", memory)]);
  const told: number[] = [];
  const context = {
    allocated: (same: Pod) => same,
    cgroupLimits: () => podLimits(pod),
    placesOf: () => ({ cgroup: "/pod" }),
    options: {
      cgroups: {
        usage: () => Promise.resolve({ memoryBytes: used * MIB, memoryLimitBytes: 512 * MIB }),
        update: (_: string, { memoryBytes = 0 }) => Promise.resolve(void told.push(Math.max(0, memoryBytes) / MIB)),
      },
    },
    cri: {
      runtime: {
        ContainerStats: () => Promise.resolve({ stats: { memory: { usageBytes: { value: used * MIB } } } }),
        UpdateContainerResources: () => (refuses ? Promise.reject(new Error("busy")) : Promise.resolve({})),
      },
    },
  } as unknown as PodContext;
  const app = { id: "1", name: "app", state: "running", resources: resources("1", "512Mi") } as RuntimeContainer;
  return { told, resize: () => resizePod(context, pod, { sandbox: undefined, containers: [app] }, undefined) };
}

test.each([
  ["a decrease below what is used touches no cgroup", "200Mi", 300, false, [], "below current usage"],
  ["a refused change brings the limit back that the cgroup had", "400Mi", 300, true, [0, 512], "busy"],
  ["a change lifts the limit while the containers get theirs", "400Mi", 300, false, [0, 400], undefined],
])("where nobody knows the pod's limits, %s", async (_, memory, used, refuses, expected, message) => {
  const { told, resize } = resizing(memory, used, refuses);
  const outcome = await resize();
  expect(told).toEqual(expected);
  if (message === undefined) expect(outcome).toMatchObject({ changed: true, cgroup: { memoryBytes: 400 * MIB } });
  else
    expect(outcome).toMatchObject({
      changed: false,
      cgroup: undefined,
      inProgress: { reason: "Error", message: expect.stringContaining(message) },
    });
});
