import { type LabelMatcher, labelMatcher, labelMatcherOf, requirement } from "@tsukube/api";
import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from "@tsukube/api/types/core-v1";
import { misfit, type SchedulerPlugin, type Snapshot } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";

interface Term {
  readonly topologyKey: string;
  readonly matcher: LabelMatcher;
  inNamespace(namespace: string): boolean;
}

/** Pods that want to be, or must not be, in one topology domain with others; both sides' anti-affinity counts. */
export const interPodAffinity: SchedulerPlugin = {
  name: "InterPodAffinity",
  weight: 2,
  seesOtherNodes: true,
  prepare(pod, snapshot) {
    const affinity = pod.spec?.affinity;
    const near = termsOf(pod, affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution, snapshot);
    const away = termsOf(pod, affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution, snapshot);
    const refused = refusedDomains(pod, snapshot);
    const preferences = preferencesOf(pod, snapshot);
    if (near.length + away.length + refused.size + preferences.size === 0) return undefined;
    // a pod counts as one to be near to only if all terms speak of it
    const isNeighbour = (other: Pod): boolean => near.every((term) => matches(term, other));
    const nearDomains = near.map(({ topologyKey }) => domainsWith(topologyKey, isNeighbour, snapshot));
    const awayDomains = away.map((term) => domainsWith(term.topologyKey, (other) => matches(term, other), snapshot));
    // the first of a group that wants to be together may go anywhere: nobody could ever start otherwise
    const isFirst = nearDomains.every((domains) => domains.size === 0) && near.every((term) => matches(term, pod));
    return {
      filter(node) {
        const domainOf = (term: Term): string | undefined => node.labels[term.topologyKey];
        const hasNoDomain = near.some((term) => domainOf(term) === undefined);
        if (hasNoDomain || (!isFirst && near.some((term, i) => !nearDomains[i]?.has(domainOf(term) ?? "")))) {
          return [misfit("node(s) didn't match pod affinity rules", true)];
        }
        if (away.some((term, i) => awayDomains[i]?.has(domainOf(term) ?? "") === true)) {
          return [misfit("node(s) didn't match pod anti-affinity rules")];
        }
        const isRefused = [...refused].some(([key, values]) => values.has(node.labels[key] ?? ""));
        return isRefused ? [misfit("node(s) didn't satisfy existing pods anti-affinity rules")] : [];
      },
      score: (node) =>
        [...preferences].reduce((sum, [key, weights]) => sum + (weights.get(node.labels[key] ?? "") ?? 0), 0),
      normalize: stretch,
    };
  },
};

function stretch(scores: readonly number[]): readonly number[] {
  const max = Math.max(...scores);
  const min = Math.min(...scores);
  return scores.map((score) => (max === min ? 0 : Math.floor((100 * (score - min)) / (max - min))));
}

/** What a required affinity of a pod that runs counts in the scores of others. */
const REQUIRED_WEIGHT = 1;

/** By topology key and domain: how much this pod prefers it, for whom it would meet there, and how much those prefer that. */
function preferencesOf(pod: Pod, snapshot: Snapshot): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const out = new Map<string, Map<string, number>>();
  const own = weighted(pod, snapshot, 0);
  for (const node of snapshot.nodes) {
    const prefer = ({ weight, term: { topologyKey } }: Weighted): void => {
      const value = node.labels[topologyKey];
      if (value === undefined) return;
      const weights = out.get(topologyKey) ?? new Map<string, number>();
      out.set(topologyKey, weights.set(value, (weights.get(value) ?? 0) + weight));
    };
    for (const other of own.length > 0 ? node.pods : node.podsWithAffinity) {
      for (const each of own) if (matches(each.term, other)) prefer(each);
      if (other.spec?.affinity === undefined) continue;
      for (const each of weighted(other, snapshot, REQUIRED_WEIGHT)) if (matches(each.term, pod)) prefer(each);
    }
  }
  return out;
}

interface Weighted {
  readonly weight: number;
  readonly term: Term;
}

/** What a pod prefers. @param required Weight of what it requires. */
function weighted(pod: Pod, snapshot: Snapshot, required: number): readonly Weighted[] {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const preferred = (terms: readonly WeightedPodAffinityTerm[] | undefined, sign: number): readonly Weighted[] =>
    (terms ?? []).flatMap(({ weight, podAffinityTerm }) =>
      termsOf(pod, podAffinityTerm && [podAffinityTerm], snapshot).map((term) => ({ weight: sign * weight, term })),
    );
  const demanded =
    required === 0 ? [] : termsOf(pod, podAffinity?.requiredDuringSchedulingIgnoredDuringExecution, snapshot);
  return [
    ...demanded.map((term) => ({ weight: required, term })),
    ...preferred(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution, 1),
    ...preferred(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution, -1),
  ];
}

function termsOf(pod: Pod, terms: readonly PodAffinityTerm[] | undefined, snapshot: Snapshot): readonly Term[] {
  return (terms ?? []).map((term) => {
    const namespaces = new Set(term.namespaces ?? []);
    const selector = term.namespaceSelector === undefined ? undefined : labelMatcherOf(term.namespaceSelector);
    if (namespaces.size === 0 && selector === undefined) namespaces.add(pod.metadata?.namespace ?? "");
    return {
      topologyKey: term.topologyKey ?? "",
      matcher: withOwnLabels(pod, term),
      inNamespace: (name) => namespaces.has(name) || selector?.matches(snapshot.namespaceLabels(name)) === true,
    };
  });
}

function withOwnLabels(pod: Pod, term: PodAffinityTerm): LabelMatcher {
  const selector = labelMatcherOf(term.labelSelector);
  const own = (key: string, operator: "=" | "!=") => {
    const value = pod.metadata?.labels?.[key];
    return value === undefined ? [] : [requirement(key, operator, [value])];
  };
  const more = [
    ...(term.matchLabelKeys ?? []).flatMap((key) => own(key, "=")),
    ...(term.mismatchLabelKeys ?? []).flatMap((key) => own(key, "!=")),
  ];
  return more.length === 0 ? selector : labelMatcher([...selector.requirements, ...more], selector.matchable);
}

function matches(term: Term, pod: Pod): boolean {
  return term.inNamespace(pod.metadata?.namespace ?? "") && term.matcher.matches(pod.metadata?.labels);
}

/** Domains of a topology key in which a pod is that is meant. */
function domainsWith(topologyKey: string, isMeant: (pod: Pod) => boolean, snapshot: Snapshot): ReadonlySet<string> {
  const out = new Set<string>();
  for (const node of snapshot.nodes) {
    const value = node.labels[topologyKey];
    if (value !== undefined && !out.has(value) && node.pods.some(isMeant)) out.add(value);
  }
  return out;
}

/** Domains, by topology key, in which a running pod's required anti-affinity refuses this pod. */
function refusedDomains(pod: Pod, snapshot: Snapshot): ReadonlyMap<string, ReadonlySet<string>> {
  const out = new Map<string, Set<string>>();
  const refuse = (node: NodeInfo, key: string): void => {
    const value = node.labels[key];
    if (value !== undefined) out.set(key, (out.get(key) ?? new Set()).add(value));
  };
  for (const node of snapshot.nodes) {
    for (const other of node.podsWithAffinity) {
      const required = other.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (required === undefined) continue;
      for (const term of termsOf(other, required, snapshot)) if (matches(term, pod)) refuse(node, term.topologyKey);
    }
  }
  return out;
}
