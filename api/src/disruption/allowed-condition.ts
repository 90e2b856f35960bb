import { formatTime } from "@tsukube/foundation";
import type { Condition } from "../../generated/types/meta-v1.ts";
import type { PodDisruptionBudgetStatus } from "../../generated/types/policy-v1.ts";

export const DISRUPTION_ALLOWED = "DisruptionAllowed";

/** The status with the condition that says whether it allows a disruption. @param now Ms since the epoch. */
export function withAllowedCondition(status: PodDisruptionBudgetStatus, now: number): PodDisruptionBudgetStatus {
  const isAllowed = (status.disruptionsAllowed ?? 0) > 0;
  return withDisruptionCondition(status, isAllowed, isAllowed ? "SufficientPods" : "InsufficientPods", "", now);
}

/** The status with this condition in place of the one it had; its time is kept while its status is. */
export function withDisruptionCondition(
  status: PodDisruptionBudgetStatus,
  isAllowed: boolean,
  reason: string,
  message: string,
  now: number,
): PodDisruptionBudgetStatus {
  const { conditions = [], observedGeneration } = status;
  const before = conditions.find(({ type }) => type === DISRUPTION_ALLOWED);
  const value = isAllowed ? "True" : "False";
  const condition: Condition = {
    type: DISRUPTION_ALLOWED,
    status: value,
    reason,
    message,
    lastTransitionTime: before?.status === value ? (before.lastTransitionTime ?? formatTime(now)) : formatTime(now),
    ...(observedGeneration !== undefined && { observedGeneration }),
  };
  const others = conditions.filter(({ type }) => type !== DISRUPTION_ALLOWED);
  return { ...status, conditions: [...others, condition] };
}
