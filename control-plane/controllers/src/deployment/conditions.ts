import type { DeploymentCondition } from "@tsukube/api/types/apps-v1";
import { formatTime } from "@tsukube/foundation";

export type Conditions = readonly DeploymentCondition[];

/** A condition without times. */
export interface Finding {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export function conditionOf(conditions: Conditions, type: string): DeploymentCondition | undefined {
  return conditions.find((condition) => condition.type === type);
}

/** The conditions with this one; one that is there already with this status and reason stays as it is, its times too. */
export function withCondition(conditions: Conditions, next: Finding, now: number): Conditions {
  const before = conditionOf(conditions, next.type);
  return before?.status === next.status && before.reason === next.reason
    ? conditions
    : withRenewed(conditions, next, now);
}

/** The conditions with this one, updated now and therefore last: what it tells happened, perhaps again. */
export function withRenewed(conditions: Conditions, next: Finding, now: number): Conditions {
  const before = conditionOf(conditions, next.type);
  const time = formatTime(now);
  const lastTransitionTime = before?.status === next.status ? (before.lastTransitionTime ?? time) : time;
  return [...withoutCondition(conditions, next.type), { ...next, lastUpdateTime: time, lastTransitionTime }];
}

export function withoutCondition(conditions: Conditions, type: string): Conditions {
  return conditions.filter((condition) => condition.type !== type);
}
