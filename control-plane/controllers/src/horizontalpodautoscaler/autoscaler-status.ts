import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
} from "@tsukube/api/types/autoscaling-v2";
import { formatTime } from "@tsukube/foundation";
import type { Reason } from "./limits.ts";
import type { Decision } from "./plan.ts";

/** Pure: the conditions with these in place of what they were; times change with the status only. @param now Ms since the epoch. */
export function withConditions(
  before: readonly HorizontalPodAutoscalerCondition[],
  changes: Readonly<Record<string, Reason>>,
  now: number,
): readonly HorizontalPodAutoscalerCondition[] {
  const made = Object.entries(changes).map(([type, { status, reason, message }]) => {
    const old = before.find((condition) => condition.type === type);
    const value = status ? "True" : "False";
    const lastTransitionTime = old?.status === value ? (old.lastTransitionTime ?? formatTime(now)) : formatTime(now);
    return { type, status: value, lastTransitionTime, reason, message };
  });
  const byType = new Map([...before, ...made].map((condition) => [condition.type, condition]));
  return [...byType.values()];
}

/** Pure. @param scaled Whether the number was changed now. */
export function statusAfter(
  autoscaler: HorizontalPodAutoscaler,
  current: number,
  decision: Decision,
  conditions: readonly HorizontalPodAutoscalerCondition[],
  scaled: boolean,
  now: number,
): HorizontalPodAutoscalerStatus {
  const { metadata, status } = autoscaler;
  const lastScaleTime = scaled ? formatTime(now) : status?.lastScaleTime;
  const { currentMetrics } = decision;
  return {
    ...(metadata?.generation !== undefined && { observedGeneration: metadata.generation }),
    ...(lastScaleTime !== undefined && { lastScaleTime }),
    currentReplicas: current,
    // while metrics fail, what was wanted last
    desiredReplicas: decision.problem === undefined ? decision.replicas : (status?.desiredReplicas ?? 0),
    ...(currentMetrics !== undefined && { currentMetrics }),
    conditions,
  };
}
