import { expect, test } from "vitest";
import { withFailure } from "./failure.ts";

const NOW = Date.UTC(2025, 0, 1);
const CREATE = { create: 1, remove: [] };
const REMOVE = { create: 0, remove: [{}] };
const other = { type: "Other", status: "True" };

test("a failure becomes a condition that says what failed and why", () => {
  expect(withFailure([other], CREATE, new Error("quota"), NOW)).toEqual([
    other,
    {
      type: "ReplicaFailure",
      status: "True",
      lastTransitionTime: "2025-01-01T00:00:00Z",
      reason: "FailedCreate",
      message: "quota",
    },
  ]);
  expect(withFailure(undefined, REMOVE, new Error("no"), NOW)).toMatchObject([{ reason: "FailedDelete" }]);
});

test("a failure that goes on keeps the time at which it began", () => {
  const before = withFailure(undefined, CREATE, new Error("quota"), NOW);
  expect(withFailure(before, CREATE, new Error("quota"), NOW + 1000)).toBe(before);
});

test("success removes the failure and leaves other conditions", () => {
  const before = withFailure([other], CREATE, new Error("quota"), NOW);
  expect(withFailure(before, CREATE, undefined, NOW)).toEqual([other]);
  expect(withFailure(withFailure(undefined, CREATE, new Error("x"), NOW), CREATE, undefined, NOW)).toBeUndefined();
});
