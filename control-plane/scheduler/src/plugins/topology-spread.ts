import { type LabelMatcher, labelMatcher, labelMatcherOf, requirement } from "@tsukube/api";
import type { Pod, TopologySpreadConstraint } from "@tsukube/api/types/core-v1";
import { MAX_SCORE, type Misfit, misfit, type Prepared, type SchedulerPlugin, type Snapshot } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import { nodeAffinity } from "./node-selection.ts";
import { toleratesAll } from "./taints.ts";

interface Spread {
  readonly constraint: TopologySpreadConstraint;
  readonly matcher: LabelMatcher;
  /** Matching pods by value of the topology key. */
  readonly counts: Map<string, number>;
  readonly matchesSelf: boolean;
}

/** Keeps matching pods even over zones, hosts or any other label of nodes (KEP-895, KEP-3022, KEP-3094, KEP-3243). */
export const podTopologySpread: SchedulerPlugin = {
  name: "PodTopologySpread",
  weight: 2,
  seesOtherNodes: true,
  prepare(pod, snapshot) {
    const constraints = pod.spec?.topologySpreadConstraints ?? [];
    const hard = constraints.filter((constraint) => constraint.whenUnsatisfiable !== "ScheduleAnyway");
    const soft = constraints.filter((constraint) => constraint.whenUnsatisfiable === "ScheduleAnyway");
    if (constraints.length === 0) return undefined;
    return { ...filterBy(count(pod, hard, snapshot)), ...scoreBy(count(pod, soft, snapshot)) };
  },
};

function filterBy(spreads: readonly Spread[]): Prepared {
  return {
    filter(node) {
      const out: Misfit[] = [];
      for (const { constraint, counts, matchesSelf } of spreads) {
        const value = node.labels[constraint.topologyKey ?? ""];
        if (value === undefined) {
          out.push(misfit("node(s) didn't match pod topology spread constraints (missing required label)", true));
          continue;
        }
        const domains = [...counts.values()];
        const fewest = domains.length < (constraint.minDomains ?? 1) ? 0 : Math.min(...domains);
        const skew = (counts.get(value) ?? 0) + (matchesSelf ? 1 : 0) - fewest;
        if (skew > (constraint.maxSkew ?? 1)) out.push(misfit("node(s) didn't match pod topology spread constraints"));
      }
      return out;
    },
  };
}

/** Fewer matching pods are better, the more so the more domains there are to choose from (upstream's normalizing weight). */
function scoreBy(spreads: readonly Spread[]): Prepared {
  if (spreads.length === 0) return {};
  const domainOf = ({ constraint }: Spread, node: NodeInfo): string | undefined =>
    node.labels[constraint.topologyKey ?? ""];
  return {
    scores(nodes) {
      const isPart = (node: NodeInfo): boolean => spreads.every((spread) => domainOf(spread, node) !== undefined);
      const parts = nodes.filter(isPart);
      const weights = spreads.map((spread) => Math.log(new Set(parts.map((node) => domainOf(spread, node))).size + 2));
      const load = (node: NodeInfo): number =>
        spreads.reduce((sum, spread, index) => {
          const count = spread.counts.get(domainOf(spread, node) ?? "") ?? 0;
          return sum + count * (weights[index] ?? 0) + ((spread.constraint.maxSkew ?? 1) - 1);
        }, 0);
      const loads = new Map(parts.map((node) => [node.name, Math.round(load(node))]));
      const max = Math.max(...loads.values());
      const min = Math.min(...loads.values());
      return nodes.map((node) => {
        const own = loads.get(node.name);
        if (own === undefined) return 0;
        return max === 0 ? MAX_SCORE : Math.floor((MAX_SCORE * (max + min - own)) / max);
      });
    },
  };
}

function count(pod: Pod, constraints: readonly TopologySpreadConstraint[], snapshot: Snapshot): readonly Spread[] {
  const hasAllKeys = (node: NodeInfo): boolean =>
    constraints.every(({ topologyKey = "" }) => node.labels[topologyKey] !== undefined);
  return constraints.map((constraint) => {
    const matcher = matcherOf(pod, constraint);
    const counts = new Map<string, number>();
    for (const node of snapshot.nodes) {
      const value = node.labels[constraint.topologyKey ?? ""];
      if (value === undefined || !hasAllKeys(node) || !isCounted(pod, constraint, node, snapshot)) continue;
      const matching = node.pods.filter(
        (other) =>
          other.metadata?.namespace === pod.metadata?.namespace &&
          other.metadata?.deletionTimestamp === undefined &&
          matcher.matches(other.metadata?.labels),
      );
      counts.set(value, (counts.get(value) ?? 0) + matching.length);
    }
    return { constraint, matcher, counts, matchesSelf: matcher.matches(pod.metadata?.labels) };
  });
}

/** The selector and, for each of matchLabelKeys, the pod's own value. */
function matcherOf(pod: Pod, constraint: TopologySpreadConstraint): LabelMatcher {
  const selector = labelMatcherOf(constraint.labelSelector);
  const own = (constraint.matchLabelKeys ?? []).flatMap((key) => {
    const value = pod.metadata?.labels?.[key];
    return value === undefined ? [] : [requirement(key, "=", [value])];
  });
  return own.length === 0 ? selector : labelMatcher([...selector.requirements, ...own], selector.matchable);
}

function isCounted(pod: Pod, constraint: TopologySpreadConstraint, node: NodeInfo, snapshot: Snapshot): boolean {
  if (constraint.nodeTaintsPolicy === "Honor" && !toleratesAll(pod, node.node.spec?.taints ?? [])) return false;
  if (constraint.nodeAffinityPolicy === "Ignore") return true;
  return (nodeAffinity.prepare(pod, snapshot)?.filter?.(node) ?? []).length === 0;
}
