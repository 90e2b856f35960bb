import type { Pod } from "@tsukube/api/types/core-v1";
import type { SchedulerPlugin, Snapshot } from "./framework.ts";
import type { NodeInfo } from "./node-info.ts";
import { PodFilters } from "./pod-filters.ts";
import { notAvailable } from "./refusal.ts";

export type Decision =
  | { readonly kind: "node"; readonly node: string; readonly scores: Readonly<Record<string, number>> }
  | { readonly kind: "unschedulable"; readonly message: string; readonly diagnosis: Diagnosis };

/** Why the pod fits nowhere. */
export interface Diagnosis {
  /** Plugins that had a hand in it: what must change before another try can help. */
  readonly plugins: ReadonlySet<string>;
  /** Nodes on which removing pods could help. */
  readonly candidates: readonly NodeInfo[];
  readonly filters: PodFilters;
}

/**
 * Chooses the node for a pod: filters, then scores; a node on which others made room for it comes before all. Pure but for `draw`,
 * which breaks ties.
 * @param draw A number in [0, 1).
 */
export function schedule(
  pod: Pod,
  snapshot: Snapshot,
  plugins: readonly SchedulerPlugin[],
  draw: () => number,
): Decision {
  const filters = new PodFilters(pod, snapshot, plugins);
  if (filters.failure !== undefined) return failed(snapshot, filters, filters.failure);
  const promised = snapshot.nodes.find(({ name }) => name === pod.status?.nominatedNodeName);
  if (promised !== undefined && filters.misfits(promised).length === 0)
    return { kind: "node", node: promised.name, scores: {} };
  const feasible: NodeInfo[] = [];
  const candidates: NodeInfo[] = [];
  const reasons: string[] = [];
  const guilty = new Set<string>();
  for (const node of snapshot.nodes) {
    const misfits = filters.misfits(node, guilty);
    if (misfits.length === 0) feasible.push(node);
    else if (misfits.every((misfit) => !misfit.unresolvable)) candidates.push(node);
    reasons.push(...misfits.map((misfit) => misfit.reason));
  }
  if (feasible.length === 0) return unschedulable(snapshot, reasons, { plugins: guilty, candidates, filters });
  const scores = score(filters, feasible);
  const best = Math.max(...scores);
  const winners = feasible.filter((_, index) => scores[index] === best);
  const winner = winners[Math.floor(draw() * winners.length)] ?? winners[0]!;
  return {
    kind: "node",
    node: winner.name,
    scores: Object.fromEntries(feasible.map((node, i) => [node.name, scores[i] ?? 0])),
  };
}

function score({ prepared }: PodFilters, nodes: readonly NodeInfo[]): readonly number[] {
  const totals = nodes.map(() => 0);
  if (nodes.length === 1) return totals;
  for (const { plugin, run } of prepared) {
    if (run.scores === undefined && run.score === undefined) continue;
    const raw = nodes.map((node) => run.score?.(node) ?? 0);
    const normal = run.scores?.(nodes) ?? run.normalize?.(raw) ?? raw;
    normal.forEach((value, index) => {
      totals[index] = (totals[index] ?? 0) + value * plugin.weight;
    });
  }
  return totals;
}

/** No node was looked at. */
function failed(
  { nodes }: Snapshot,
  filters: PodFilters,
  { plugin, reason }: { readonly plugin: string; readonly reason: string },
): Decision {
  const message = nodes.length === 0 ? NO_NODES : `0/${nodes.length} nodes are available: ${reason}.`;
  return { kind: "unschedulable", message, diagnosis: { plugins: new Set([plugin]), candidates: [], filters } };
}

const NO_NODES = "no nodes available to schedule pods";

function unschedulable({ nodes }: Snapshot, reasons: readonly string[], diagnosis: Diagnosis): Decision {
  const message = nodes.length === 0 ? NO_NODES : notAvailable(nodes.length, reasons);
  return { kind: "unschedulable", message, diagnosis };
}
