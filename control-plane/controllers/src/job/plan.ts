import type { Job } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { inDeletionOrder } from "../pods/deletion-order.ts";
import { type Backoff, finishedAt, nextBackoff, waitFor } from "./back-off.ts";
import { type Census, census, type Observed } from "./census.ts";
import { allFailures, hasLimitPerIndex } from "./index-failures.ts";
import { IndexSet } from "./index-set.ts";
import type { NewPod } from "./job-pod.ts";
import { indexOf, isIndexed, isSuspended, replacesOnlyFailed } from "./job-state.ts";
import { deadlineIn, type Verdict, verdictOf } from "./verdict.ts";

/** Upstream's limit of pods made or deleted in one reconciliation. */
const BURST = 500;

/** What to do about the pods of a Job. */
export interface Plan {
  readonly census: Census;
  /** How the Job will end, if that is clear before `create` and `remove` are done. */
  readonly verdict: Verdict | undefined;
  readonly create: readonly NewPod[];
  readonly remove: readonly Pod[];
  /** Removed pods lose the finalizer first, so that they count neither as succeeded nor as failed. */
  readonly uncounted: boolean;
  /** The number of pods was looked after; false while the cache lags, or the Job ends. */
  readonly managed: boolean;
  /** After what has ended by now. */
  readonly backoff: Backoff;
  /** When time alone changes the plan. */
  readonly recheckAfterMs: number | undefined;
}

/** Pure: which pods of the Job to make and to remove. */
export function plan(observed: Observed): Plan {
  const { job, now, settled } = observed;
  const counted = census(observed);
  const verdict = verdictOf(observed, counted);
  const backoff = nextBackoff(observed.backoff, counted.newSucceeded, counted.newFailed);
  const base = { census: counted, verdict, backoff, create: [], uncounted: false, managed: false };
  if (verdict !== undefined) return { ...base, remove: counted.active, recheckAfterMs: undefined };
  const deadline = deadlineIn(job, now);
  if (!settled || job.metadata?.deletionTimestamp !== undefined)
    return { ...base, remove: [], recheckAfterMs: deadline };
  const { create, remove, waitMs } = manage(job, counted, backoff, now);
  const recheckAfterMs = earliest([deadline, waitMs]);
  return { ...base, create, remove, uncounted: true, managed: true, recheckAfterMs };
}

interface Managed {
  readonly create: readonly NewPod[];
  readonly remove: readonly Pod[];
  /** Until a pod may be made that is missing now. */
  readonly waitMs?: number | undefined;
}

/** In one reconciliation pods are only removed, or only made; removing goes first. */
function manage(job: Job, counted: Census, backoff: Backoff, now: number): Managed {
  const { active } = counted;
  if (isSuspended(job)) return { create: [], remove: surplus(job, active, active.length, now) };
  const wanted = wantedActive(job, counted);
  const remove = surplus(job, active, Math.max(0, active.length - wanted), now).slice(0, BURST);
  if (remove.length > 0) return { create: [], remove };
  const stopping = replacesOnlyFailed(job) ? counted.terminating.length : 0;
  const missing = Math.min(wanted - active.length - stopping, BURST);
  if (missing <= 0) return { create: [], remove };
  if (!hasLimitPerIndex(job)) {
    const waitMs = waitFor(backoff, now);
    if (waitMs > 0) return { create: [], remove, waitMs };
  }
  if (!isIndexed(job)) return { create: Array.from({ length: missing }, () => ({})), remove };
  return { ...replacements(job, counted, missing, now), remove };
}

/** As many as may run at once, and no more than completions are left. */
function wantedActive({ spec }: Job, { active, succeeded }: Census): number {
  const { parallelism = 1, completions } = spec ?? {};
  if (completions !== undefined) return Math.max(0, Math.min(parallelism, completions - succeeded));
  return succeeded > 0 ? active.length : parallelism; // one success ends a work queue: nothing new starts
}

/** Pods of the lowest indexes that have none, as far as their own back-off lets them. */
function replacements(job: Job, counted: Census, missing: number, now: number): Omit<Managed, "remove"> {
  const { active, terminating, succeededIndexes, failedIndexes, awaitingReplacement } = counted;
  const busy = replacesOnlyFailed(job) ? [...active, ...terminating] : active;
  const taken = succeededIndexes
    .with(IndexSet.of(busy.flatMap((pod) => indexOf(pod, job) ?? [])))
    .with(failedIndexes ?? IndexSet.EMPTY);
  const waits: number[] = [];
  const create = taken.missing(missing, job.spec?.completions ?? 0).flatMap((index): NewPod[] => {
    const replaces = awaitingReplacement.get(index);
    if (replaces === undefined) return [{ index }];
    const waitMs = waitFor({ failures: allFailures(replaces), last: finishedAt(replaces) }, now);
    if (waitMs > 0) waits.push(waitMs);
    return waitMs > 0 ? [] : [{ index, replaces }];
  });
  return { create, waitMs: earliest(waits) };
}

/** At least `count` pods to remove: of Indexed Jobs first those without an index and all but one of each. */
function surplus(job: Job, active: readonly Pod[], count: number, now: number): readonly Pod[] {
  const ordered = inDeletionOrder(active, now);
  if (!isIndexed(job)) return ordered.slice(0, count);
  const keeper = new Map(ordered.map((pod) => [indexOf(pod, job), pod]));
  const isKept = (pod: Pod): boolean => indexOf(pod, job) !== undefined && keeper.get(indexOf(pod, job)) === pod;
  const odd = ordered.filter((pod) => !isKept(pod));
  return [...odd, ...ordered.filter(isKept).slice(0, Math.max(0, count - odd.length))];
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const given = times.filter((time) => time !== undefined);
  return given.length === 0 ? undefined : Math.min(...given);
}
