import type { Node, Pod, Toleration } from "@tsukube/api/types/core-v1";
import { tolerates } from "../nodes/taints.ts";

/**
 * Pure: how many seconds the pod may stay on the node in spite of its NoExecute taints: 0 not at all, undefined for ever.
 * Of several tolerations that are used the shortest counts.
 */
export function secondsToStay(pod: Pod, node: Node): number | undefined {
  const taints = (node.spec?.taints ?? []).filter(({ effect }) => effect === "NoExecute");
  const used: Toleration[] = [];
  for (const taint of taints) {
    const matching = (pod.spec?.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return 0;
    used.push(...matching);
  }
  const limits = used.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
  return limits.length === 0 ? undefined : Math.max(0, Math.min(...limits));
}
