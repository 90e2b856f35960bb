import type { Job } from "@tsukube/api/types/batch-v1";
import { outcomeOf, trueCondition } from "../job/job-state.ts";

/** Pure: milliseconds until the Job may go, at most 0 when it may now; undefined: not by itself. */
export function expiresIn(job: Job, now: number): number | undefined {
  const outcome = outcomeOf(job);
  const seconds = job.spec?.ttlSecondsAfterFinished;
  if (outcome === undefined || seconds === undefined || job.metadata?.deletionTimestamp !== undefined) return undefined;
  const finished = Date.parse(trueCondition(job, outcome)?.lastTransitionTime ?? "");
  return (Number.isNaN(finished) ? now : finished) + seconds * 1000 - now;
}
