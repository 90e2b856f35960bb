import { MAX_SCORE, type Misfit, misfit, type SchedulerPlugin } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import { podRequests, scoringRequests } from "../resources.ts";

const SCORED = ["cpu", "memory"] as const;

/** The node has what the pod asks for; the emptier, the better (least allocated). */
export const nodeResourcesFit: SchedulerPlugin = {
  name: "NodeResourcesFit",
  weight: 1,
  prepare(pod) {
    const requests = podRequests(pod);
    const wanted = scoringRequests(pod);
    return {
      filter(node) {
        const out: Misfit[] = [];
        const most = node.allocatable.get("pods") ?? 0;
        if (node.podCount + 1 > most) out.push(misfit("Too many pods", most === 0));
        for (const [name, amount] of requests) {
          const allocatable = node.allocatable.get(name) ?? 0;
          if (amount > 0 && amount > allocatable - (node.requested.get(name) ?? 0)) {
            out.push(misfit(`Insufficient ${name}`, amount > allocatable));
          }
        }
        return out;
      },
      score: (node) => mean(fractionsOf(node, wanted).map((used) => Math.floor((1 - used) * MAX_SCORE))),
    };
  },
};

/** Nodes on which cpu and memory are used alike are better. */
export const nodeResourcesBalancedAllocation: SchedulerPlugin = {
  name: "NodeResourcesBalancedAllocation",
  weight: 1,
  prepare(pod) {
    const wanted = scoringRequests(pod);
    return {
      score(node) {
        const fractions = fractionsOf(node, wanted);
        const average = mean(fractions);
        const deviation = Math.sqrt(mean(fractions.map((fraction) => (fraction - average) ** 2)));
        return Math.floor((1 - deviation) * MAX_SCORE);
      },
    };
  },
};

/** The used part of each scored resource with the pod on the node, 0 to 1. */
function fractionsOf(node: NodeInfo, wanted: ReadonlyMap<string, number>): readonly number[] {
  return SCORED.map((name) => {
    const allocatable = node.allocatable.get(name) ?? 0;
    if (allocatable === 0) return 1;
    return Math.min(1, ((node.scoringRequested.get(name) ?? 0) + (wanted.get(name) ?? 0)) / allocatable);
  });
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
