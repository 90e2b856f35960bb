import type { Pod } from "@tsukube/api/types/core-v1";
import type { Misfit, Prepared, SchedulerPlugin, Snapshot } from "./framework.ts";
import type { NodeInfo } from "./node-info.ts";

export type Decision =
  | { readonly kind: "node"; readonly node: string; readonly scores: Readonly<Record<string, number>> }
  | { readonly kind: "unschedulable"; readonly message: string; readonly diagnosis: Diagnosis };

/** Why the pod fits nowhere. */
export interface Diagnosis {
  /** Plugins that had a hand in it: what must change before another try can help. */
  readonly plugins: ReadonlySet<string>;
  /** Nodes on which removing pods could help. */
  readonly candidates: readonly NodeInfo[];
}

/**
 * Chooses the node for a pod: filters, then scores. Pure but for `draw`, which breaks ties.
 * @param draw A number in [0, 1).
 */
export function schedule(
  pod: Pod,
  snapshot: Snapshot,
  plugins: readonly SchedulerPlugin[],
  draw: () => number,
): Decision {
  const prepared: { readonly plugin: SchedulerPlugin; readonly run: Prepared }[] = [];
  for (const plugin of plugins) {
    const run = plugin.prepare(pod, snapshot);
    if (run === undefined) continue;
    if (run.failure !== undefined) return unschedulable(snapshot, [run.failure], new Set([plugin.name]), []);
    prepared.push({ plugin, run });
  }
  const feasible: NodeInfo[] = [];
  const candidates: NodeInfo[] = [];
  const reasons: string[] = [];
  const guilty = new Set<string>();
  for (const node of snapshot.nodes) {
    const misfits = filter(prepared, node, guilty);
    if (misfits.length === 0) feasible.push(node);
    else if (misfits.every((misfit) => !misfit.unresolvable)) candidates.push(node);
    reasons.push(...misfits.map((misfit) => misfit.reason));
  }
  if (feasible.length === 0) return unschedulable(snapshot, reasons, guilty, candidates);
  const scores = score(prepared, feasible);
  const best = Math.max(...scores);
  const winners = feasible.filter((_, index) => scores[index] === best);
  const winner = winners[Math.floor(draw() * winners.length)] ?? winners[0]!;
  return {
    kind: "node",
    node: winner.name,
    scores: Object.fromEntries(feasible.map((node, i) => [node.name, scores[i] ?? 0])),
  };
}

/** Whether the pod fits on a node of a (hypothetical) snapshot. */
export function fits(pod: Pod, node: NodeInfo, snapshot: Snapshot, plugins: readonly SchedulerPlugin[]): boolean {
  return plugins.every((plugin) => {
    const run = plugin.prepare(pod, snapshot);
    return run === undefined || (run.failure === undefined && (run.filter?.(node) ?? []).length === 0);
  });
}

type PreparedPlugins = readonly { readonly plugin: SchedulerPlugin; readonly run: Prepared }[];

/** The first plugin that refuses a node decides: the others need not look. */
function filter(prepared: PreparedPlugins, node: NodeInfo, guilty: Set<string>): readonly Misfit[] {
  for (const { plugin, run } of prepared) {
    const misfits = run.filter?.(node) ?? [];
    if (misfits.length > 0) {
      guilty.add(plugin.name);
      return misfits;
    }
  }
  return [];
}

function score(prepared: PreparedPlugins, nodes: readonly NodeInfo[]): readonly number[] {
  const totals = nodes.map(() => 0);
  if (nodes.length === 1) return totals;
  for (const { plugin, run } of prepared) {
    if (run.score === undefined) continue;
    const raw = nodes.map((node) => run.score?.(node) ?? 0);
    const normal = run.normalize === undefined ? raw : run.normalize(raw);
    normal.forEach((value, index) => {
      totals[index] = (totals[index] ?? 0) + value * plugin.weight;
    });
  }
  return totals;
}

/** "0/3 nodes are available: 1 Insufficient memory, 2 node(s) were unschedulable." as upstream words it. */
function unschedulable(
  snapshot: Snapshot,
  reasons: readonly string[],
  plugins: ReadonlySet<string>,
  candidates: readonly NodeInfo[],
): Decision {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const isWhole =
    plugins.has("VolumeBinding") && reasons.length === 1 && snapshot.nodes.length !== 0 && candidates.length === 0;
  const parts =
    isWhole && !/^node\(s\)/.test(reasons[0] ?? "")
      ? [...reasons]
      : [...counts].map(([reason, n]) => `${n} ${reason}`).sort();
  const tail =
    parts.length === 0
      ? "no nodes available to schedule pods"
      : `0/${snapshot.nodes.length} nodes are available: ${parts.join(", ")}.`;
  return { kind: "unschedulable", message: tail, diagnosis: { plugins, candidates } };
}
