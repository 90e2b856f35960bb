import type { Pod } from "@tsukube/api/types/core-v1";
import { readySince } from "./pod-state.ts";

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };
const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";

/** Pods in the order in which they are best given up: those first whose loss costs least (ActivePodsWithRanks upstream). */
export function inDeletionOrder(pods: readonly Pod[], now: number): readonly Pod[] {
  const perNode = new Map<string, number>();
  for (const { spec } of pods) perNode.set(spec?.nodeName ?? "", (perNode.get(spec?.nodeName ?? "") ?? 0) + 1);
  const ranked = pods.map((pod) => ({ pod, rank: rankOf(pod, perNode, now) }));
  return ranked.sort((a, b) => compare(a.rank, b.rank)).map(({ pod }) => pod);
}

function rankOf(pod: Pod, perNode: ReadonlyMap<string, number>, now: number): readonly number[] {
  const since = readySince(pod);
  const created = Date.parse(pod.metadata?.creationTimestamp ?? "") || now;
  return [
    (pod.spec?.nodeName ?? "") === "" ? 0 : 1,
    PHASES[pod.status?.phase ?? "Pending"] ?? 1,
    since === undefined ? 0 : 1,
    Number(pod.metadata?.annotations?.[DELETION_COST] ?? 0),
    -(perNode.get(pod.spec?.nodeName ?? "") ?? 0),
    since === undefined ? 0 : magnitude(now - since),
    -Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount ?? 0)),
    magnitude(now - created),
  ];
}

/** Ages compare by their order of magnitude, so that near-equal ones do not decide. */
function magnitude(ms: number): number {
  return Math.floor(Math.log2(Math.max(ms, 1)));
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}
