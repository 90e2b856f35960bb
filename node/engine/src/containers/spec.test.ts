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

test("huge pages are limited, to none too, where the machine can; who may have none needs no machine that can", () => {
  const hugepageLimits = [
    { pageSize: "2MB", limit: "4194304" },
    { pageSize: "1GB", limit: 0 },
  ];
  const both = [
    { pageSize: "2MB", limit: 4_194_304 },
    { pageSize: "1GB", limit: 0 },
  ];
  expect(resourcesOf({ hugepageLimits }, 1, ["2MB", "1GB"])["hugepageLimits"]).toEqual(both);
  expect(resourcesOf({ hugepageLimits }, 1, ["2MB"])["hugepageLimits"]).toEqual(both.slice(0, 1));
  expect(resourcesOf({ hugepageLimits: hugepageLimits.slice(1) }, 1)["hugepageLimits"]).toBeUndefined();
  expect(() => resourcesOf({ hugepageLimits }, 1, ["1GB"])).toThrow(
    'Cannot limit huge pages of 2MB: this machine limits those of "1GB"',
  );
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
