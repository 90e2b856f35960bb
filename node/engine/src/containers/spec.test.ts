import { expect, test } from "vitest";
import { resourcesOf } from "./spec.ts";

test("only resources that are asked for are set", () => {
  expect(resourcesOf(undefined)).toEqual({ memory: {}, cpu: {} });
  const asked = { cpuShares: "102", cpuQuota: 20_000, cpuPeriod: 100_000, memoryLimitInBytes: "1048576" };
  expect(resourcesOf(asked)).toEqual({
    memory: { limit: 1_048_576 },
    cpu: { shares: 102, quota: 20_000, period: 100_000 },
  });
});

test("huge pages are limited for who asks for some: a host without them has no cgroup for them", () => {
  const hugepageLimits = [
    { pageSize: "2MB", limit: "4194304" },
    { pageSize: "1GB", limit: 0 },
  ];
  expect(resourcesOf({ hugepageLimits })["hugepageLimits"]).toEqual([{ pageSize: "2MB", limit: 4_194_304 }]);
});
