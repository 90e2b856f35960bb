import { type LabelMatcher, labelMatcher, labelMatcherOf, requirement } from "@tsukube/api";
import type { Pod, PodAffinityTerm } from "@tsukube/api/types/core-v1";
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
  prepare(pod, snapshot) {
    const affinity = pod.spec?.affinity;
    const near = termsOf(pod, affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution, snapshot);
    const away = termsOf(pod, affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution, snapshot);
    const refused = refusedDomains(pod, snapshot);
    const preferences = preferencesOf(pod, snapshot);
    if (near.length + away.length + refused.size + preferences.length === 0) return undefined;
    const nearDomains = near.map((term) => domainsWith(term, snapshot));
    const awayDomains = away.map((term) => domainsWith(term, snapshot));
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
        preferences.reduce(
          (sum, { weight, term, counts }) => sum + weight * (counts.get(node.labels[term.topologyKey] ?? "") ?? 0),
          0,
        ),
      normalize: stretch,
    };
  },
};

function stretch(scores: readonly number[]): readonly number[] {
  const max = Math.max(...scores);
  const min = Math.min(...scores);
  return scores.map((score) => (max === min ? 0 : Math.floor((100 * (score - min)) / (max - min))));
}

function preferencesOf(pod: Pod, snapshot: Snapshot) {
  const affinity = pod.spec?.affinity;
  const weighted = [
    ...(affinity?.podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => ({ ...p, sign: 1 })),
    ...(affinity?.podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((p) => ({
      ...p,
      sign: -1,
    })),
  ];
  return weighted.flatMap(({ weight, podAffinityTerm, sign }) =>
    termsOf(pod, podAffinityTerm === undefined ? [] : [podAffinityTerm], snapshot).map((term) => ({
      weight: sign * (weight ?? 0),
      term,
      counts: domainsWith(term, snapshot),
    })),
  );
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

/** How many pods match the term in each domain of its topology key. */
function domainsWith(term: Term, snapshot: Snapshot): Map<string, number> {
  const out = new Map<string, number>();
  for (const node of snapshot.nodes) {
    const value = node.labels[term.topologyKey];
    if (value === undefined) continue;
    const found = node.pods.filter((pod) => matches(term, pod)).length;
    if (found > 0) out.set(value, (out.get(value) ?? 0) + found);
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
    for (const other of node.pods) {
      const required = other.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
      if (required === undefined) continue;
      for (const term of termsOf(other, required, snapshot)) if (matches(term, pod)) refuse(node, term.topologyKey);
    }
  }
  return out;
}
