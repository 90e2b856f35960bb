import type { Job, JobCondition, JobStatus } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { readySince } from "../pods/pod-state.ts";
import { isHeld, type Observed } from "./census.ts";
import { withCondition } from "./conditions.ts";
import { isSuspended, uidOf } from "./job-state.ts";
import type { Plan } from "./plan.ts";
import { count, counted, type Tally } from "./tally.ts";
import { completionOf, type Verdict } from "./verdict.ts";

/** What became of a plan. */
export interface Applied {
  readonly created: number;
  readonly removed: readonly Pod[];
}

/** The status to write before finalizers go, and what follows from it. */
export interface Progress {
  readonly status: JobStatus;
  /** Pods whose finalizer can go once the status is written. */
  readonly release: readonly Pod[];
  /** How the Job ends, as soon as nothing is left to count. */
  readonly verdict: Verdict | undefined;
  /** More pods wait to be counted than one status holds. */
  readonly limited: boolean;
  /** "Suspended" or "Resumed", if the Job has just become so. */
  readonly turned: "Suspended" | "Resumed" | undefined;
}

/** Pure: how far the Job is, now that the plan was applied. */
export function progress(observed: Observed, plan: Plan, applied: Applied): Progress {
  const { job, now } = observed;
  const { census } = plan;
  const removed = new Set(applied.removed);
  const active = census.active.length - removed.size + applied.created;
  const verdict = effective(observed, plan, active);
  const tally = count(observed, plan, verdict);
  const suspension = plan.managed && verdict === undefined ? suspensionOf(job, now) : undefined;
  const started = job.status?.startTime ?? (isSuspended(job) ? undefined : formatTime(now));
  const { turned } = suspension ?? {};
  const startTime = turned === "Suspended" ? undefined : turned === "Resumed" ? formatTime(now) : started;
  const { startTime: _before, ...tallied } = withTally(job.status ?? {}, tally);
  const status = {
    ...tallied,
    conditions: withVerdict(suspension?.conditions ?? job.status?.conditions ?? [], verdict, now),
    active,
    ready: census.ready - [...removed].filter((pod) => readySince(pod) !== undefined).length,
    terminating: census.terminating.length + removed.size,
    ...(startTime !== undefined && { startTime }),
  };
  const { release, limited } = tally;
  return { status: lean(status), release, verdict, limited, turned };
}

/** Pure: the status when the pods in `held` are all that still have the finalizer. */
export function conclude({ status, verdict, limited }: Progress, held: ReadonlySet<string>, now: number): JobStatus {
  const settled = counted(status, held);
  const { succeeded = [], failed = [] } = settled.uncountedTerminatedPods ?? {};
  const waits = limited || succeeded.length + failed.length + (settled.terminating ?? 0) > 0;
  if (verdict === undefined || waits) return lean(settled);
  const { outcome, reason, message } = verdict;
  const said = { type: outcome, status: "True", reason, message } as const;
  const conditions = withCondition(settled.conditions ?? [], said, now);
  return lean({ ...settled, conditions, ...(outcome === "Complete" && { completionTime: formatTime(now) }) });
}

/** uids of the pods that hold the finalizer. */
export function heldPods(observed: Observed): Set<string> {
  return new Set(observed.pods.filter((pod) => isHeld(observed, pod)).map(uidOf));
}

/** A verdict waits until all pods are told to stop and the cache shows every one that was made. */
function effective({ job, settled }: Observed, plan: Plan, active: number): Verdict | undefined {
  if (plan.verdict === undefined) return completionOf(job, plan.census, active);
  return active === 0 && settled ? plan.verdict : undefined;
}

function suspensionOf(
  job: Job,
  now: number,
): { readonly conditions: readonly JobCondition[]; readonly turned: "Suspended" | "Resumed" | undefined } {
  const before = job.status?.conditions ?? [];
  const suspended = isSuspended(job);
  const said = suspended
    ? ({ status: "True", reason: "JobSuspended", message: "Job suspended" } as const)
    : ({ status: "False", reason: "JobResumed", message: "Job resumed" } as const);
  const conditions = withCondition(before, { type: "Suspended", ...said }, now);
  if (conditions === before) return { conditions, turned: undefined };
  return { conditions, turned: suspended ? "Suspended" : "Resumed" };
}

/** The interim condition tells the outcome before the last pods are counted. */
function withVerdict(
  conditions: readonly JobCondition[],
  verdict: Verdict | undefined,
  now: number,
): readonly JobCondition[] {
  if (verdict === undefined || verdict.recorded === true) return conditions;
  const { outcome, reason, message } = verdict;
  const type = outcome === "Complete" ? "SuccessCriteriaMet" : "FailureTarget";
  return withCondition(conditions, { type, status: "True", reason, message }, now);
}

function withTally(status: JobStatus, { release: _release, limited: _limited, ...numbers }: Tally): JobStatus {
  return { ...status, ...numbers };
}

/** Without what the server leaves out, so that a status compares equal to the one that is stored. */
function lean(status: JobStatus): JobStatus {
  const { conditions = [], active = 0, succeeded = 0, failed = 0, completedIndexes = "", ...rest } = status;
  return {
    ...rest,
    ...(conditions.length > 0 && { conditions }),
    ...(active > 0 && { active }),
    ...(succeeded > 0 && { succeeded }),
    ...(failed > 0 && { failed }),
    ...(completedIndexes !== "" && { completedIndexes }),
  };
}
