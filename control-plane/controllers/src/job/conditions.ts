import type { JobCondition } from "@tsukube/api/types/batch-v1";
import { formatTime } from "@tsukube/foundation";

/** What a condition says. */
export interface Statement {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

/**
 * Pure: the conditions with this one; the same list if it says so already. One that never held does not begin by being
 * False.
 */
export function withCondition(
  conditions: readonly JobCondition[],
  said: Statement,
  now: number,
): readonly JobCondition[] {
  const before = conditions.find(({ type }) => type === said.type);
  if (before === undefined && said.status === "False") return conditions;
  const same = before?.status === said.status && before.reason === said.reason && before.message === said.message;
  if (same) return conditions;
  const time = formatTime(now);
  const made = { ...said, lastProbeTime: time, lastTransitionTime: time };
  return before === undefined ? [...conditions, made] : conditions.map((old) => (old === before ? made : old));
}
