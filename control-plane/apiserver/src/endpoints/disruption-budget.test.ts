import { ApiError } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "@tsukube/api/types/policy-v1";
import { expect, test } from "vitest";
import { isFreeOfCharge, needsNoBudget, spend } from "./disruption-budget.ts";

const NOW = Date.UTC(2025, 0, 1);
const pod = (phase: string, ready = false, more: Pod["metadata"] = {}): Pod => ({
  metadata: more,
  status: { phase, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
});
const budget = (status: PodDisruptionBudgetStatus, policy?: string): PodDisruptionBudget => ({
  metadata: { name: "b", generation: 1 },
  spec: policy === undefined ? {} : { unhealthyPodEvictionPolicy: policy },
  status: { observedGeneration: 1, ...status },
});

function refusal(status: PodDisruptionBudgetStatus): ApiError {
  try {
    spend(budget(status), "p", NOW);
  } catch (error) {
    return ApiError.from(error);
  }
  throw new Error("it was not refused");
}

test("pods that never ran, have ended or are going cost nothing", () => {
  for (const phase of ["Pending", "Succeeded", "Failed"]) expect(needsNoBudget(pod(phase))).toBe(true);
  expect(needsNoBudget(pod("Running", true, { deletionTimestamp: "2025-01-01T00:00:00Z" }))).toBe(true);
  expect(needsNoBudget(pod("Running"))).toBe(false);
});

test("a pod that is not ready is free while the budget is met without it, or if the policy says so", () => {
  const [met, unmet] = [
    { currentHealthy: 2, desiredHealthy: 2 },
    { currentHealthy: 1, desiredHealthy: 2 },
  ];
  expect(isFreeOfCharge(pod("Running"), budget(met))).toBe(true);
  expect(isFreeOfCharge(pod("Running"), budget(unmet))).toBe(false);
  expect(isFreeOfCharge(pod("Running"), budget(unmet, "AlwaysAllow"))).toBe(true);
  expect(isFreeOfCharge(pod("Running"), budget(unmet, "IfHealthyBudget"))).toBe(false);
  expect(isFreeOfCharge(pod("Running"), budget({ currentHealthy: 0, desiredHealthy: 0 }))).toBe(false);
  expect(isFreeOfCharge(pod("Running", true), budget(met, "AlwaysAllow"))).toBe(false);
});

test("an eviction costs one disruption and is remembered", () => {
  const { status } = spend(
    budget({ disruptionsAllowed: 2, disruptedPods: { a: "2025-01-01T00:00:00Z" } }),
    "p",
    NOW,
  ) as {
    status?: PodDisruptionBudgetStatus;
  };
  expect(status).toEqual({
    observedGeneration: 1,
    disruptionsAllowed: 1,
    disruptedPods: { a: "2025-01-01T00:00:00Z", p: "2025-01-01T00:00:00Z" },
  });
});

test("the last one turns the condition", () => {
  expect(spend(budget({ disruptionsAllowed: 1 }), "p", NOW)).toMatchObject({
    status: {
      disruptionsAllowed: 0,
      conditions: [{ type: "DisruptionAllowed", status: "False", reason: "InsufficientPods" }],
    },
  });
});

test("without any left it is refused with the reason, to be tried again", () => {
  const { status, httpCode } = refusal({ disruptionsAllowed: 0, currentHealthy: 2, desiredHealthy: 3 });
  expect(httpCode).toBe(429);
  expect(status).toMatchObject({
    reason: "TooManyRequests",
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [
        { reason: "DisruptionBudget", message: "The disruption budget b needs 3 healthy pods and has 2 currently" },
      ],
    },
  });
});

test("what its controller says counts where the numbers would allow it", () => {
  const denied = (reason: string, message: string): PodDisruptionBudgetStatus => ({
    ...{ disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 2 },
    conditions: [
      { type: "DisruptionAllowed", status: "False", reason, message, lastTransitionTime: "2025-01-01T00:00:00Z" },
    ],
  });
  const why = (status: PodDisruptionBudgetStatus): unknown => refusal(status).status.details?.causes?.[0]?.message;
  const budget = "The disruption budget b does not allow evicting pods currently";
  expect(why(denied("SyncFailed", "no scale"))).toBe(`${budget} because it failed sync: no scale`);
  expect(why(denied("Busy", "later"))).toBe(`${budget} (Busy): later`);
  expect(why(denied("Busy", ""))).toBe(budget);
});

test("a budget whose last change was not counted yet is to be asked again in a while", () => {
  const { status } = refusal({ observedGeneration: 0, disruptionsAllowed: 5 });
  expect(status.details).toMatchObject({
    retryAfterSeconds: 10,
    causes: [
      { reason: "DisruptionBudget", message: "The disruption budget b is still being processed by the server." },
    ],
  });
});

test("what makes no sense is forbidden", () => {
  expect(refusal({ disruptionsAllowed: -1 }).message).toContain("pdb disruptions allowed is negative");
  const many = Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`p${i}`, "2025-01-01T00:00:00Z"]));
  expect(refusal({ disruptionsAllowed: 1, disruptedPods: many }).message).toContain("DisruptedPods map too big");
});
