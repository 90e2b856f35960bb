import type { Pod } from "@tsukube/api/types/core-v1";
import { isActive } from "../pods/pod-state.ts";

const STALE_MS = 2 * 60_000;

/**
 * Pure: in how many ms a pod that was to be disrupted, and is not going, has been spared; at most 0: it has. Undefined: it
 * was never to be, is going, or its kubelet says so, which may take any time.
 */
export function sparedIn(pod: Pod, now: number): number | undefined {
  const condition = pod.status?.conditions?.find(({ type }) => type === "DisruptionTarget");
  if (condition?.status !== "True" || condition.reason === "TerminationByKubelet" || !isActive(pod)) return undefined;
  return (Date.parse(condition.lastTransitionTime ?? "") || now) + STALE_MS - now;
}
