import type { HorizontalPodAutoscalerBehavior } from "@tsukube/api/types/autoscaling-v2";
import { expect, test } from "vitest";
import { type History, limitReplicas } from "./limits.ts";

const NOW = 1_000_000;
const NOTHING: History = { recommendations: [], events: [] };
const recommended = (...all: readonly (readonly [secondsAgo: number, replicas: number])[]): History => ({
  recommendations: all.map(([seconds, replicas]) => ({ replicas, at: NOW - seconds * 1000 })),
  events: [],
});

function limit(current: number, wanted: number, history = NOTHING, behavior?: HorizontalPodAutoscalerBehavior) {
  const spec = {
    scaleTargetRef: { kind: "D", name: "d" },
    minReplicas: 2,
    maxReplicas: 20,
    ...(behavior && { behavior }),
  };
  const { replicas, held, limited } = limitReplicas(spec, current, wanted, history, NOW);
  return [replicas, held.reason, limited.reason];
}

test("what is within the limits is done", () => {
  expect(limit(5, 8)).toEqual([8, "ReadyForNewScale", "DesiredWithinRange"]);
  expect(limit(5, 5)).toEqual([5, "ReadyForNewScale", "DesiredWithinRange"]);
  expect(limit(8, 5)).toEqual([5, "ReadyForNewScale", "DesiredWithinRange"]);
});

test("no more than the most, no less than the least", () => {
  expect(limit(15, 25)).toEqual([20, "ReadyForNewScale", "TooManyReplicas"]);
  expect(limit(5, 1)).toEqual([2, "ReadyForNewScale", "TooFewReplicas"]);
});

test("without rules a workload at most doubles at once, or grows to four", () => {
  expect(limit(5, 15)).toEqual([10, "ReadyForNewScale", "ScaleUpLimit"]);
  expect(limit(1, 15)).toEqual([4, "ReadyForNewScale", "ScaleUpLimit"]);
});

test("it does not shrink below what was right within five minutes", () => {
  expect(limit(8, 3, recommended([200, 7], [100, 4]))).toEqual([7, "ScaleDownStabilized", "DesiredWithinRange"]);
  expect(limit(8, 3, recommended([400, 7], [100, 4]))).toEqual([4, "ScaleDownStabilized", "DesiredWithinRange"]);
});

test("with a window it does not grow above what was right within that", () => {
  const behavior = { scaleUp: { stabilizationWindowSeconds: 120 } };
  expect(limit(4, 8, recommended([100, 6]), behavior)).toEqual([6, "ScaleUpStabilized", "DesiredWithinRange"]);
  expect(limit(4, 8, recommended([130, 6]), behavior)).toEqual([8, "ReadyForNewScale", "DesiredWithinRange"]);
});

test("rules slow both directions", () => {
  const behavior = {
    scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] },
    scaleDown: { stabilizationWindowSeconds: 0, policies: [{ type: "Pods", value: 1, periodSeconds: 60 }] },
  };
  expect(limit(5, 10, NOTHING, behavior)).toEqual([6, "ReadyForNewScale", "ScaleUpLimit"]);
  expect(limit(10, 5, NOTHING, behavior)).toEqual([9, "ReadyForNewScale", "ScaleDownLimit"]);
});
