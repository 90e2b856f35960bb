import type { Job } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { finishedAt } from "./back-off.ts";
import { hasFailed } from "./job-state.ts";
import { judge } from "./pod-failure-policy.ts";

const FAILURES = "batch.kubernetes.io/job-index-failure-count";
const IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count";

/** How often an index had failed before this pod of it, as its annotations say. */
interface IndexFailures {
  readonly counted: number;
  readonly ignored: number;
}

export function hasLimitPerIndex({ spec }: Job): boolean {
  return spec?.completionMode === "Indexed" && spec.backoffLimitPerIndex !== undefined;
}

/** What this pod's annotations say, which its predecessor handed on. */
function failuresBefore(pod: Pod): IndexFailures {
  const read = (name: string): number => {
    const text = pod.metadata?.annotations?.[name] ?? "";
    return /^\d{1,10}$/.test(text) ? Number(text) : 0;
  };
  return { counted: read(FAILURES), ignored: read(IGNORED) };
}

/** The annotations of the pod that takes the place of `failed`, or of the first one of an index. */
export function annotationsAfter(job: Job, failed: Pod | undefined): Readonly<Record<string, string>> {
  const { counted, ignored } = failed === undefined ? { counted: 0, ignored: 0 } : failuresWith(job, failed);
  return { [FAILURES]: String(counted), ...(ignored > 0 && { [IGNORED]: String(ignored) }) };
}

function failuresWith(job: Job, failed: Pod): IndexFailures {
  const { counted, ignored } = failuresBefore(failed);
  const isIgnored = judge(job.spec?.podFailurePolicy, failed).action === "Ignore";
  return isIgnored ? { counted, ignored: ignored + 1 } : { counted: counted + 1, ignored };
}

/** The pod's failure is the last that its index was allowed, or a FailIndex rule says so. */
export function failsIndex(job: Job, pod: Pod): boolean {
  if (!hasFailed(pod, job)) return false;
  const { action } = judge(job.spec?.podFailurePolicy, pod);
  if (action === "FailIndex") return true;
  return action !== "Ignore" && failuresBefore(pod).counted >= (job.spec?.backoffLimitPerIndex ?? 0);
}

/** The later of two failed pods of one index: the one whose annotations must reach the replacement. */
export function laterFailure(a: Pod, b: Pod): Pod {
  const total = (pod: Pod): number => failuresBefore(pod).counted + failuresBefore(pod).ignored;
  return total(b) >= total(a) && finishedAt(b) >= finishedAt(a) ? b : a;
}

/** All failures of the index including this pod's, ignored ones too: they decide on the wait before the replacement. */
export function allFailures(pod: Pod): number {
  const { counted, ignored } = failuresBefore(pod);
  return counted + ignored + 1;
}
