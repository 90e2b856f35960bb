import { ApiError, DISRUPTION_ALLOWED, type Unstructured, withAllowedCondition } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget } from "@tsukube/api/types/policy-v1";
import { formatTime } from "@tsukube/foundation";

/** More evictions than this that the controller has not confirmed: something is wrong with it. */
const MOST_UNCONFIRMED = 2000;
const CAUSE = "DisruptionBudget";
const SYNC_FAILED = "SyncFailed";
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";
const BUDGETS = { group: "policy", resource: "poddisruptionbudget" }; // upstream says it in the singular

/** Pods that have ended, are going or never ran cost no budget. */
export function needsNoBudget({ status, metadata }: Pod): boolean {
  const { phase } = status ?? {};
  return phase === "Pending" || hasEnded({ status: status ?? {} }) || metadata?.deletionTimestamp !== undefined;
}

/** Nothing about it will change any more. */
export function hasEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** A pod that is not ready does not count as healthy: without it the budget holds as well as with it. */
export function isFreeOfCharge(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  const isReady = pod.status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True");
  if (isReady === true) return false;
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  return spec?.unhealthyPodEvictionPolicy === "AlwaysAllow" || (desiredHealthy > 0 && currentHealthy >= desiredHealthy);
}

/**
 * Pure: the budget with one disruption less, which remembers the pod until its controller has seen it go.
 * @param now Ms since the epoch. @throws {ApiError} 429 when none is left or that is not known, 403 when it makes no sense.
 */
export function spend(budget: PodDisruptionBudget, podName: string, now: number): Unstructured {
  const { name = "", generation = 0 } = budget.metadata ?? {};
  const { observedGeneration = 0, disruptionsAllowed = 0, disruptedPods = {} } = budget.status ?? {};
  if (observedGeneration < generation) throw notProcessed(name);
  if (disruptionsAllowed < 0) throw senseless(name, "pdb disruptions allowed is negative");
  if (Object.keys(disruptedPods).length > MOST_UNCONFIRMED) {
    const why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
    throw senseless(name, why, "too many pending evictions not confirmed by PDB controller");
  }
  if (disruptionsAllowed === 0) throw refused(exhausted(budget));
  const left = { ...budget.status, disruptionsAllowed: disruptionsAllowed - 1 };
  const status = left.disruptionsAllowed === 0 ? withAllowedCondition(left, now) : left;
  const disrupted = { ...disruptedPods, [podName]: formatTime(now) };
  return { ...budget, status: { ...status, disruptedPods: disrupted } } as unknown as Unstructured;
}

/** Why nothing may go now: what its controller says counts for more than the numbers, which are old where that failed. */
function exhausted({ metadata, status }: PodDisruptionBudget): string {
  const { desiredHealthy = 0, currentHealthy = 0, conditions } = status ?? {};
  const budget = `The disruption budget ${metadata?.name ?? ""}`;
  const denied = `${budget} does not allow evicting pods currently`;
  const condition = conditions?.find(({ type }) => type === DISRUPTION_ALLOWED);
  const message = condition?.status === "False" ? (condition.message ?? "") : "";
  if (message !== "" && condition?.reason === SYNC_FAILED) return `${denied} because it failed sync: ${message}`;
  if (currentHealthy <= desiredHealthy)
    return `${budget} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  return message === "" ? denied : `${denied} (${condition?.reason}): ${message}`;
}

function senseless(name: string, why: string, shown = why): ApiError {
  const message = `The disruption budget ${name} does not allow evicting pods currently: ${shown}`;
  return ApiError.forbidden(BUDGETS, name, why, [{ reason: CAUSE, message }]);
}

/** What the budget allows is not known yet: to be tried again. */
export function notProcessed(name: string): ApiError {
  return refused(`The disruption budget ${name} is still being processed by the server.`, 10);
}

function refused(message: string, retryAfterSeconds = 0): ApiError {
  return ApiError.tooManyRequests(REFUSED, retryAfterSeconds, [{ reason: CAUSE, message }]);
}
