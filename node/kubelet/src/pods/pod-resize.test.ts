import type { Container } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { containerResources, podLimits } from "../containers/resources.ts";
import { changedResources, resizeNeedsRestart } from "./pod-resize.ts";

const container = (cpu: string, memory: string, more: Partial<Container> = {}): Container => ({
  name: "app",
  resources: { requests: { cpu, memory }, limits: { cpu, memory } },
  ...more,
});
const resources = (cpu: string, memory: string) => containerResources({}, container(cpu, memory));

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
  const before = resources("100m", "64Mi");
  expect(resizeNeedsRestart({}, container("200m", "64Mi", { resizePolicy }), before)).toBe(false);
  expect(resizeNeedsRestart({}, container("100m", "128Mi", { resizePolicy }), before)).toBe(true);
  expect(resizeNeedsRestart({}, container("100m", "128Mi"), before)).toBe(false);
});

test("a pod's cgroup has the sum of its containers' limits, where each has one, or what a larger init container needs", () => {
  const two = [container("500m", "64Mi"), container("250m", "32Mi")];
  expect(podLimits({}, two, [])).toEqual({
    cpuShares: 768,
    cpuPeriod: 100_000,
    cpuQuota: 75_000,
    memoryBytes: 96 << 20,
  });
  expect(podLimits({}, two, [container("2", "1Gi")])).toMatchObject({ cpuQuota: 200_000, memoryBytes: 1 << 30 });
  expect(podLimits({}, [...two, { name: "free" }], [])).toMatchObject({
    cpuShares: 768,
    cpuQuota: -1,
    memoryBytes: -1,
  });
  const own = { spec: { containers: [], resources: { limits: { memory: "1Gi" }, requests: { cpu: "2" } } } };
  expect(podLimits(own, two, [])).toMatchObject({ cpuShares: 2048, memoryBytes: 1 << 30 });
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
    podLimits({}, lasting, initial, ["2MB", "1GB"]).hugepages;
  expect(pages([...asking("4Mi", "2Mi"), { name: "none" }], asking("2Mi"))).toEqual({ "2MB": 6 << 20, "1GB": 0 });
  expect(pages(asking("4Mi"), asking("8Mi"))).toEqual({ "2MB": 8 << 20, "1GB": 0 });
});
