import type { JobStatus } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { isHeld, type Observed } from "./census.ts";
import { hasFailed, hasSucceeded, indexOf, isIndexed, uidOf } from "./job-state.ts";
import type { Plan } from "./plan.ts";
import { judge } from "./pod-failure-policy.ts";
import type { Verdict } from "./verdict.ts";

/** More uids would make the status too large, and one Job keep others waiting. */
const MAX_UNCOUNTED = 500;

/** The fields of the status that count, and which pods need not be held for that any longer. */
export interface Tally
  extends Pick<JobStatus, "succeeded" | "failed" | "completedIndexes" | "failedIndexes" | "uncountedTerminatedPods"> {
  readonly release: readonly Pod[];
  readonly limited: boolean;
}

/**
 * Pure: counts the pods that ended, in two steps so that each is counted once whenever this process dies: first their uids
 * stand in `uncountedTerminatedPods`, then their finalizers go, then {@link counted} turns uids without one into numbers.
 */
export function count(observed: Observed, { census }: Plan, verdict: Verdict | undefined): Tally {
  const { job } = observed;
  const held = observed.pods.filter((pod) => isHeld(observed, pod));
  const before = counted(job.status ?? {}, new Set(held.map(uidOf)));
  const [succeeded, failed] = [uncounted(before, "succeeded"), uncounted(before, "failed")];
  const release: Pod[] = [];
  let indexes = 0;
  let limited = false;
  for (const pod of byIndex(observed, held)) {
    if (!isReleasable(observed, census.awaitingReplacement, pod, verdict)) continue;
    const uid = uidOf(pod);
    const isListed = succeeded.has(uid) || failed.has(uid);
    if (!isListed && succeeded.size + failed.size + indexes >= MAX_UNCOUNTED) limited = true;
    else release.push(pod);
    if (isListed || limited || (isIndexed(job) && indexOf(pod, job) === undefined)) continue;
    if (hasSucceeded(pod)) {
      if (isIndexed(job)) indexes += 1;
      else succeeded.add(uid);
    } else if (countsAsFailed(observed, pod, verdict)) failed.add(uid);
  }
  return {
    succeeded: isIndexed(job) ? census.succeededIndexes.size : (before.succeeded ?? 0),
    failed: before.failed ?? 0,
    ...(isIndexed(job) && { completedIndexes: census.succeededIndexes.toString() }),
    ...(census.failedIndexes !== undefined && { failedIndexes: census.failedIndexes.toString() }),
    uncountedTerminatedPods: uncountedOf([...succeeded], [...failed]),
    release,
    limited,
  };
}

/** Pure: the status in which listed pods that are no longer held are numbers. */
export function counted(status: JobStatus, held: ReadonlySet<string>): JobStatus {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const stays = (uid: string): boolean => held.has(uid);
  const [left, leftFailed] = [succeeded.filter(stays), failed.filter(stays)];
  return {
    ...status,
    succeeded: (status.succeeded ?? 0) + succeeded.length - left.length,
    failed: (status.failed ?? 0) + failed.length - leftFailed.length,
    uncountedTerminatedPods: uncountedOf(left, leftFailed),
  };
}

function uncounted({ uncountedTerminatedPods }: JobStatus, which: "succeeded" | "failed"): Set<string> {
  return new Set(uncountedTerminatedPods?.[which] ?? []);
}

function uncountedOf(
  succeeded: readonly string[],
  failed: readonly string[],
): JobStatus["uncountedTerminatedPods"] & {} {
  return { ...(succeeded.length > 0 && { succeeded }), ...(failed.length > 0 && { failed }) };
}

/** In the order of their indexes, so that completed ones appear in order. */
function byIndex({ job }: Observed, pods: readonly Pod[]): readonly Pod[] {
  if (!isIndexed(job)) return pods;
  return [...pods].sort((a, b) => (indexOf(a, job) ?? -1) - (indexOf(b, job) ?? -1));
}

function isReleasable(
  { job }: Observed,
  awaiting: ReadonlyMap<number, Pod>,
  pod: Pod,
  verdict: Verdict | undefined,
): boolean {
  if (job.metadata?.deletionTimestamp !== undefined || verdict !== undefined || hasSucceeded(pod)) return true;
  if (!hasFailed(pod, job)) return false;
  const index = indexOf(pod, job);
  return index === undefined || awaiting.get(index) !== pod;
}

/** Once a Job has failed, so has every pod of it that did not succeed. */
function countsAsFailed({ job }: Observed, pod: Pod, verdict: Verdict | undefined): boolean {
  if (!hasFailed(pod, job) && verdict?.outcome !== "Failed") return false;
  return judge(job.spec?.podFailurePolicy, pod).action !== "Ignore";
}
