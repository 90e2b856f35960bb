import type { Job } from "@tsukube/api/types/batch-v1";
import { expect, test } from "vitest";
import { expiresIn } from "./plan.ts";

const END = Date.UTC(2025, 0, 1);

function job(type: string, status: string, ttlSecondsAfterFinished?: number): Job {
  const conditions = [{ type, status, lastTransitionTime: "2025-01-01T00:00:00Z" }];
  return {
    metadata: {},
    spec: { template: {}, ...(ttlSecondsAfterFinished !== undefined && { ttlSecondsAfterFinished }) },
    status: { conditions },
  };
}

test.each(["Complete", "Failed"])("a job that is %s goes after its time to live", (type) => {
  expect(expiresIn(job(type, "True", 30), END + 10_000)).toBe(20_000);
  expect(expiresIn(job(type, "True", 0), END)).toBe(0);
});

test("a job without a time to live, or that has not ended, or is on its way out, stays", () => {
  expect(expiresIn(job("Complete", "True"), END)).toBeUndefined();
  expect(expiresIn(job("Complete", "False", 30), END)).toBeUndefined();
  expect(expiresIn(job("FailureTarget", "True", 30), END)).toBeUndefined();
  const going = { ...job("Complete", "True", 30), metadata: { deletionTimestamp: "2025-01-01T00:00:00Z" } };
  expect(expiresIn(going, END)).toBeUndefined();
});
