import type { Pod } from "@tsukube/api/types/core-v1";

/** Neither finished nor on its way out. */
export function isActive(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata?.deletionTimestamp === undefined;
}

/** Deleted, but still running. */
export function isTerminating(pod: Pod): boolean {
  return !isFinished(pod) && pod.metadata?.deletionTimestamp !== undefined;
}

function isFinished({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

/** Since when the pod is ready, in ms since the epoch; undefined when it is not. */
export function readySince(pod: Pod): number | undefined {
  const condition = pod.status?.conditions?.find(({ type }) => type === "Ready");
  if (condition?.status !== "True") return undefined;
  return Date.parse(condition.lastTransitionTime ?? pod.metadata?.creationTimestamp ?? "") || 0;
}

/** Ready for at least `minReadySeconds`. */
export function isAvailable(pod: Pod, minReadySeconds: number, now: number): boolean {
  const since = readySince(pod);
  return since !== undefined && since + minReadySeconds * 1000 <= now;
}
