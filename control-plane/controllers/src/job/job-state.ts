import type { Job, JobCondition } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";

/** Held by each pod of a Job until the Job's status has counted it. */
export const TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking";
export const COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index";

/** The condition of the type, if its status is True. */
export function trueCondition(job: Job, type: string): JobCondition | undefined {
  return job.status?.conditions?.find((condition) => condition.type === type && condition.status === "True");
}

/** "Complete" or "Failed" once the Job has ended. */
export function outcomeOf(job: Job): "Complete" | "Failed" | undefined {
  if (trueCondition(job, "Complete") !== undefined) return "Complete";
  return trueCondition(job, "Failed") === undefined ? undefined : "Failed";
}

/** Another controller reconciles the Job (`spec.managedBy`). */
export function isManagedElsewhere({ spec }: Job): boolean {
  return spec?.managedBy !== undefined && spec.managedBy !== "kubernetes.io/job-controller";
}

export function isIndexed({ spec }: Job): boolean {
  return spec?.completionMode === "Indexed";
}

export function isSuspended({ spec }: Job): boolean {
  return spec?.suspend === true;
}

/** A terminating pod gets its replacement only once it has ended. */
export function replacesOnlyFailed({ spec }: Job): boolean {
  return spec?.podReplacementPolicy === "Failed" || spec?.podFailurePolicy !== undefined;
}

export function isTracked(pod: Pod): boolean {
  return pod.metadata?.finalizers?.includes(TRACKING_FINALIZER) === true;
}

/** The pod's completion index; undefined where it has none, or not one of this Job. */
export function indexOf(pod: Pod, { spec }: Job): number | undefined {
  const text = pod.metadata?.annotations?.[COMPLETION_INDEX];
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const index = Number(text);
  return index < (spec?.completions ?? 0) ? index : undefined;
}

/** Failed, or deleted before it ended where a deletion is reason enough for a replacement. */
export function hasFailed(pod: Pod, job: Job): boolean {
  if (pod.status?.phase === "Failed") return true;
  return !replacesOnlyFailed(job) && pod.metadata?.deletionTimestamp !== undefined && !hasSucceeded(pod);
}

export function hasSucceeded(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded";
}

export function uidOf(object: { readonly metadata?: { readonly uid?: string } }): string {
  return object.metadata?.uid ?? "";
}
