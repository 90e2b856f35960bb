import type { Job } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { isActive, isTerminating, readySince } from "../pods/pod-state.ts";
import type { Backoff } from "./back-off.ts";
import { failsIndex, hasLimitPerIndex, laterFailure } from "./index-failures.ts";
import { IndexSet } from "./index-set.ts";
import { hasFailed, hasSucceeded, indexOf, isIndexed, isTracked, uidOf } from "./job-state.ts";
import { judge } from "./pod-failure-policy.ts";

/** What a reconciliation goes by. */
export interface Observed {
  readonly job: Job;
  /** Those that the Job controls. */
  readonly pods: readonly Pod[];
  /** uids of pods that have lost the tracking finalizer although `pods` still shows it. */
  readonly released: ReadonlySet<string>;
  /** `pods` shows all that was made and deleted. */
  readonly settled: boolean;
  readonly backoff: Backoff;
  /** ms since the epoch. */
  readonly now: number;
}

/** The Job's pods, sorted by what they mean for it. */
export interface Census {
  readonly active: readonly Pod[];
  readonly ready: number;
  readonly terminating: readonly Pod[];
  /** Ended, but neither counted nor about to be. */
  readonly newSucceeded: readonly Pod[];
  readonly newFailed: readonly Pod[];
  /** Over the Job's whole life; failures that a policy ignores are left out. */
  readonly succeeded: number;
  readonly failed: number;
  /** Of an Indexed Job; empty for others. */
  readonly succeededIndexes: IndexSet;
  /** With a limit per index only. */
  readonly failedIndexes: IndexSet | undefined;
  /** By index: the failed pod that stays until the one in its place has taken over the number of failures. */
  readonly awaitingReplacement: ReadonlyMap<number, Pod>;
}

/** Pure: counts the pods of a Job, each once, whatever of it the status has counted already. */
export function census(observed: Observed): Census {
  const { job, pods } = observed;
  const { succeeded = [], failed = [] } = job.status?.uncountedTerminatedPods ?? {};
  const active = pods.filter(isActive);
  const ended = uncounted(observed, [...succeeded, ...failed]);
  const newSucceeded = ended.filter(hasSucceeded);
  const newFailed = ended.filter((pod) => hasFailed(pod, job));
  const counting = newFailed.filter((pod) => judge(job.spec?.podFailurePolicy, pod).action !== "Ignore");
  const succeededIndexes = succeededIndexesOf(observed);
  const failedIndexes = failedIndexesOf(observed);
  return {
    active,
    ready: active.filter((pod) => readySince(pod) !== undefined).length,
    terminating: pods.filter(isTerminating),
    newSucceeded,
    newFailed,
    succeeded: isIndexed(job)
      ? succeededIndexes.size
      : (job.status?.succeeded ?? 0) + newSucceeded.length + succeeded.length,
    failed: (job.status?.failed ?? 0) + counting.length + failed.length,
    succeededIndexes,
    failedIndexes,
    awaitingReplacement: awaitingReplacement(observed, active, succeededIndexes, failedIndexes),
  };
}

/** The pod is held by the finalizer, as far as is known. */
export function isHeld({ released }: Observed, pod: Pod): boolean {
  return isTracked(pod) && !released.has(uidOf(pod));
}

/** Held pods that count for the Job, without those that the status lists already. */
function uncounted(observed: Observed, listed: readonly string[]): readonly Pod[] {
  const { job, pods } = observed;
  const known = new Set(listed);
  return pods.filter(
    (pod) => isHeld(observed, pod) && !known.has(uidOf(pod)) && (!isIndexed(job) || indexOf(pod, job) !== undefined),
  );
}

function succeededIndexesOf({ job, pods }: Observed): IndexSet {
  if (!isIndexed(job)) return IndexSet.EMPTY;
  const before = IndexSet.parse(job.status?.completedIndexes ?? "", job.spec?.completions ?? 0);
  const found = pods.filter((pod) => hasSucceeded(pod) && isTracked(pod)).flatMap((pod) => indexOf(pod, job) ?? []);
  return before.with(IndexSet.of(found));
}

function failedIndexesOf({ job, pods }: Observed): IndexSet | undefined {
  if (!hasLimitPerIndex(job)) return undefined;
  const before = IndexSet.parse(job.status?.failedIndexes ?? "", job.spec?.completions ?? 0);
  const found = pods.filter((pod) => isTracked(pod) && failsIndex(job, pod)).flatMap((pod) => indexOf(pod, job) ?? []);
  return before.with(IndexSet.of(found));
}

function awaitingReplacement(
  observed: Observed,
  active: readonly Pod[],
  succeeded: IndexSet,
  failed: IndexSet | undefined,
): ReadonlyMap<number, Pod> {
  const { job } = observed;
  const waiting = new Map<number, Pod>();
  if (failed === undefined) return waiting;
  const running = new Set(active.map((pod) => indexOf(pod, job)));
  for (const pod of uncounted(observed, [])) {
    const index = indexOf(pod, job)!;
    if (!hasFailed(pod, job) || running.has(index) || succeeded.has(index) || failed.has(index)) continue;
    const other = waiting.get(index);
    waiting.set(index, other === undefined ? pod : laterFailure(other, pod));
  }
  return waiting;
}
