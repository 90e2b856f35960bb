import type { HorizontalPodAutoscalerSpec } from "@tsukube/api/types/autoscaling-v2";
import { expect, test } from "vitest";
import { decideByLimits, decideByMetrics, type Finding, metricsOf, tolerancesOf } from "./plan.ts";

const spec = (more: Partial<HorizontalPodAutoscalerSpec> = {}): HorizontalPodAutoscalerSpec => ({
  scaleTargetRef: { kind: "Deployment", name: "d" },
  minReplicas: 2,
  maxReplicas: 10,
  ...more,
});
const says = (replicas: number, name = `m${replicas}`): Finding => ({
  proposal: { replicas, name, status: { type: "Resource" } },
});
const FAILS: Finding = { failure: { reason: "FailedGetResourceMetric", message: "why", prefix: "which: " } };
const decide = (current: number, ...findings: Finding[]) =>
  decideByMetrics(spec(), current, findings, { recommendations: [], events: [] }, 0);

test("outside of its limits a workload is brought within them without asking", () => {
  expect(decideByLimits(spec(), 12, false)).toMatchObject({
    replicas: 10,
    why: "Current number of replicas above Spec.MaxReplicas",
  });
  expect(decideByLimits(spec(), 1, false)).toMatchObject({
    replicas: 2,
    why: "Current number of replicas below Spec.MinReplicas",
  });
  expect(decideByLimits(spec(), 5, false)).toBeUndefined();
});

test("a workload that somebody scaled to nothing stays so, one that its autoscaler did is looked at", () => {
  const off = { replicas: 0, conditions: { ScalingActive: { status: false, reason: "ScalingDisabled" } } };
  const none = { minReplicas: 0 };
  const shared = { ...none, metrics: [{ type: "External" }] };
  expect(decideByLimits(spec(), 0, false)).toMatchObject(off);
  expect(decideByLimits(spec(shared), 0, false)).toMatchObject(off);
  expect(decideByLimits(spec(shared), 0, true)).toBeUndefined();
  expect(decideByLimits(spec(none), 0, true)).toMatchObject(off);
  expect(decideByLimits(spec(), 0, true)).toBeUndefined();
});

test("the metric that asks for most decides", () => {
  expect(decide(4, says(3), says(6), says(5))).toMatchObject({
    replicas: 6,
    recommended: 6,
    why: "m6 above target",
    conditions: { ScalingActive: { status: true, reason: "ValidMetricFound" } },
  });
  expect(decide(4, says(3), says(2)).why).toBe("All metrics below target");
  expect(decide(4, says(4)).why).toBe("");
});

test("while a metric says nothing the others can only argue for more", () => {
  expect(decide(4, FAILS, says(6)).replicas).toBe(6);
  expect(decide(4, FAILS, says(3))).toMatchObject({
    replicas: 4,
    conditions: {
      ScalingActive: {
        status: false,
        reason: "FailedGetResourceMetric",
        message: "the HPA was unable to compute the replica count: why",
      },
    },
    problem: "invalid metrics (1 invalid out of 2), first error is: which: why",
    currentMetrics: [{ type: "" }, { type: "Resource" }],
  });
  expect(decide(4, FAILS)).toMatchObject({ replicas: 4 });
});

test("without metrics a workload should use 80 % of its CPU", () => {
  expect(metricsOf(spec())).toMatchObject([{ resource: { name: "cpu", target: { averageUtilization: 80 } } }]);
});

test("a tenth is near enough, unless the rules say otherwise", () => {
  expect(tolerancesOf(spec())).toEqual({ up: 0.1, down: 0.1 });
  expect(tolerancesOf(spec({ behavior: { scaleUp: { tolerance: "50m" } } }))).toEqual({ up: 0.05, down: 0.1 });
});
