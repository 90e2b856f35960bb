import type { Job } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { Census, Observed } from "./census.ts";
import { hasLimitPerIndex } from "./index-failures.ts";
import { hasFailed, isIndexed, isSuspended, trueCondition } from "./job-state.ts";
import { judge } from "./pod-failure-policy.ts";
import { successBy } from "./success-policy.ts";

/** How the Job will end. Its last pods are stopped and counted before it has. */
export interface Verdict {
  readonly outcome: "Complete" | "Failed";
  readonly reason: string;
  readonly message: string;
  /** The status says so already, by SuccessCriteriaMet or FailureTarget. */
  readonly recorded?: true;
}

/** Why the Job shall end although pods may still run; undefined: it goes on. */
export function verdictOf({ job, pods, now }: Observed, counted: Census): Verdict | undefined {
  return (
    recorded(job) ?? failJob(job, pods) ?? tooLong(job, pods, counted, now) ?? byIndexes(job, counted) ?? undefined
  );
}

/** All completions are there. @param active Pods that run. */
export function completionOf({ spec }: Job, { succeeded }: Census, active: number): Verdict | undefined {
  const enough = spec?.completions === undefined ? succeeded > 0 : succeeded >= spec.completions;
  if (!enough || active > 0) return undefined;
  const message = "Reached expected number of succeeded pods";
  return { outcome: "Complete", reason: "CompletionsReached", message };
}

/** Milliseconds until `activeDeadlineSeconds` is over; undefined without one, or while it does not run. */
export function deadlineIn(job: Job, now: number): number | undefined {
  const seconds = job.spec?.activeDeadlineSeconds;
  if (seconds === undefined || isSuspended(job)) return undefined;
  // the time before a suspension does not count: startTime is about to be set anew
  const started = trueCondition(job, "Suspended") === undefined ? Date.parse(job.status?.startTime ?? "") : Number.NaN;
  return (Number.isNaN(started) ? now : started) + seconds * 1000 - now;
}

function recorded(job: Job): Verdict | undefined {
  const success = trueCondition(job, "SuccessCriteriaMet");
  const found = success ?? trueCondition(job, "FailureTarget");
  if (found === undefined) return undefined;
  const { reason = "", message = "" } = found;
  return { outcome: success === undefined ? "Failed" : "Complete", reason, message, recorded: true };
}

function failJob(job: Job, pods: readonly Pod[]): Verdict | undefined {
  const policy = job.spec?.podFailurePolicy;
  if (policy === undefined) return undefined;
  for (const pod of pods) {
    if (!hasFailed(pod, job)) continue;
    const { action, message = "" } = judge(policy, pod);
    if (action === "FailJob") return failure("PodFailurePolicy", message);
  }
  return undefined;
}

function tooLong(job: Job, pods: readonly Pod[], { failed }: Census, now: number): Verdict | undefined {
  if (failed > limitOf(job) || restartsReachLimit(job, pods))
    return failure("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  if ((deadlineIn(job, now) ?? 1) > 0) return undefined;
  return failure("DeadlineExceeded", "Job was active longer than specified deadline");
}

function limitOf({ spec }: Job): number {
  return spec?.backoffLimit ?? 6;
}

/** With OnFailure containers restart in their pod: there the restarts count. */
function restartsReachLimit(job: Job, pods: readonly Pod[]): boolean {
  if (job.spec?.template.spec?.restartPolicy !== "OnFailure") return false;
  const restarts = pods
    .filter(({ status }) => status?.phase === "Running" || status?.phase === "Pending")
    .flatMap(({ status }) => [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])])
    .reduce((total, { restartCount }) => total + restartCount, 0);
  return restarts >= Math.max(1, limitOf(job));
}

function byIndexes(job: Job, { succeededIndexes, failedIndexes }: Census): Verdict | undefined {
  if (!isIndexed(job)) return undefined;
  const { completions = 0, maxFailedIndexes, successPolicy } = job.spec ?? {};
  const failed = hasLimitPerIndex(job) ? (failedIndexes?.size ?? 0) : 0;
  if (maxFailedIndexes !== undefined && failed > maxFailedIndexes)
    return failure("MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes");
  if (failed > 0 && failed + succeededIndexes.size >= completions)
    return failure("FailedIndexes", "Job has failed indexes");
  const message = successBy(successPolicy, completions, succeededIndexes);
  return message === undefined ? undefined : { outcome: "Complete", reason: "SuccessPolicy", message };
}

function failure(reason: string, message: string): Verdict {
  return { outcome: "Failed", reason, message };
}
