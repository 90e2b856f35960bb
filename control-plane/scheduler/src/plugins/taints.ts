import type { Pod, Taint, Toleration } from "@tsukube/api/types/core-v1";
import { misfit, proportional, type SchedulerPlugin } from "../framework.ts";

/** NoSchedule and NoExecute taints that the pod does not tolerate keep it away; PreferNoSchedule ones cost score. */
export const taintToleration: SchedulerPlugin = {
  name: "TaintToleration",
  weight: 3,
  prepare(pod) {
    const tolerations = pod.spec?.tolerations ?? [];
    return {
      filter(node) {
        const taint = firstUntolerated(node.node.spec?.taints ?? [], tolerations);
        return taint === undefined ? [] : [misfit(`node(s) had untolerated taint(s)`, true)];
      },
      score(node) {
        const soft = (node.node.spec?.taints ?? []).filter((taint) => taint.effect === "PreferNoSchedule");
        return soft.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint))).length;
      },
      normalize: (scores) => proportional(scores, true),
    };
  },
};

function firstUntolerated(taints: readonly Taint[], tolerations: readonly Toleration[]): Taint | undefined {
  return taints.find(
    (taint) => taint.effect !== "PreferNoSchedule" && !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** core/v1 Toleration: an empty key with Exists tolerates everything, an empty effect every effect. */
function tolerates(toleration: Toleration, taint: Taint): boolean {
  if ((toleration.effect ?? "") !== "" && toleration.effect !== taint.effect) return false;
  if ((toleration.key ?? "") !== "" && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? "Equal") {
    case "Exists":
      return true;
    case "Equal":
      return (toleration.key ?? "") !== "" && (toleration.value ?? "") === (taint.value ?? "");
    default:
      return false;
  }
}

/** Whether a pod may run on a node with these taints. */
export function toleratesAll(pod: Pod, taints: readonly Taint[]): boolean {
  return firstUntolerated(taints, pod.spec?.tolerations ?? []) === undefined;
}
