import { expect, test } from "vitest";
import { withCpuWeight } from "./cpu-weight.ts";
import { resourcesOf } from "./spec.ts";

test("only resources that are asked for are set", () => {
  expect(resourcesOf(undefined, 1)).toEqual({ memory: {}, cpu: {} });
  const asked = { cpuShares: "102", cpuQuota: 20_000, cpuPeriod: 100_000, memoryLimitInBytes: "1048576" };
  expect(resourcesOf(asked, 1)).toEqual({
    memory: { limit: 1_048_576 },
    cpu: { shares: 102, quota: 20_000, period: 100_000 },
  });
});

test("huge pages are limited for who asks for some: a host without them has no cgroup for them", () => {
  const hugepageLimits = [
    { pageSize: "2MB", limit: "4194304" },
    { pageSize: "1GB", limit: 0 },
  ];
  expect(resourcesOf({ hugepageLimits }, 1)["hugepageLimits"]).toEqual([{ pageSize: "2MB", limit: 4_194_304 }]);
});

test("with cgroup v2 shares become a weight, and files are set by their names", () => {
  const asked = { cpuShares: 1024, memoryLimitInBytes: 1_048_576, unified: { "memory.oom.group": "1" } };
  expect(withCpuWeight(resourcesOf(asked, 2), 2)).toEqual({
    memory: { limit: 1_048_576 },
    cpu: {},
    unified: { "cpu.weight": "100", "memory.oom.group": "1" },
  });
  expect(withCpuWeight(resourcesOf(asked, 1), 1)).toEqual({ memory: { limit: 1_048_576 }, cpu: { shares: 1024 } });
});
