import { formatTime, messageOf } from "@tsukube/foundation";
import type { Plan } from "./plan.ts";
import type { ReplicatedCondition } from "./replicated.ts";

const TYPE = "ReplicaFailure";

/**
 * Pure: the conditions after `plan` was tried. A failure stays for as long as it is the same one; success, or having nothing
 * to do, removes it.
 */
export function withFailure(
  before: readonly ReplicatedCondition[] | undefined,
  plan: Plan,
  failure: unknown,
  now: number,
): readonly ReplicatedCondition[] | undefined {
  const others = before?.filter(({ type }) => type !== TYPE);
  if (failure === undefined) return others?.length === 0 ? undefined : others;
  const present = before?.find(({ type }) => type === TYPE);
  if (present !== undefined) return before;
  const reason = plan.create > 0 ? "FailedCreate" : "FailedDelete";
  const condition = { type: TYPE, status: "True", lastTransitionTime: formatTime(now), reason };
  return [...(others ?? []), { ...condition, message: messageOf(failure) }];
}
