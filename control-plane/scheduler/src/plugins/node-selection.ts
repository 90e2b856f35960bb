import { type Labels, labelMatcher, requirement } from "@tsukube/api";
import type { NodeSelector, NodeSelectorTerm, Pod } from "@tsukube/api/types/core-v1";
import { misfit, proportional, type SchedulerPlugin } from "../framework.ts";
import { type HostPort, hostPortsOf, type NodeInfo } from "../node-info.ts";

/** The node that the pod names, when it names one. */
export const nodeName: SchedulerPlugin = {
  name: "NodeName",
  weight: 0,
  prepare(pod) {
    const wanted = pod.spec?.nodeName ?? "";
    if (wanted === "") return undefined;
    return {
      filter: (node) => (node.name === wanted ? [] : [misfit("node(s) didn't match the requested node name", true)]),
    };
  },
};

/** `spec.unschedulable`, set by `kubectl cordon`. */
export const nodeUnschedulable: SchedulerPlugin = {
  name: "NodeUnschedulable",
  weight: 0,
  prepare(pod) {
    const tolerated = (pod.spec?.tolerations ?? []).some(
      ({ key, operator, effect }) =>
        (effect === undefined || effect === "NoSchedule") &&
        (key === "node.kubernetes.io/unschedulable" || (key === undefined && operator === "Exists")),
    );
    if (tolerated) return undefined;
    return {
      filter: (node) => (node.node.spec?.unschedulable === true ? [misfit("node(s) were unschedulable", true)] : []),
    };
  },
};

const NO_MATCH = misfit("node(s) didn't match Pod's node affinity/selector", true);

/** nodeSelector and node affinity, required and preferred. */
export const nodeAffinity: SchedulerPlugin = {
  name: "NodeAffinity",
  weight: 2,
  prepare(pod) {
    const affinity = pod.spec?.affinity?.nodeAffinity;
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (pod.spec?.nodeSelector === undefined && affinity === undefined) return undefined;
    return {
      filter: (node) => (matchesRequired(pod, node) ? [] : [NO_MATCH]),
      score(node) {
        const matching = preferred.filter(
          ({ preference }) => preference !== undefined && matchesTerm(preference, node),
        );
        return matching.reduce((sum, { weight }) => sum + (weight ?? 0), 0);
      },
      normalize: (scores) => proportional(scores),
    };
  },
};

function matchesRequired(pod: Pod, node: NodeInfo): boolean {
  const selector = Object.entries(pod.spec?.nodeSelector ?? {});
  if (!selector.every(([key, value]) => node.labels[key] === value)) return false;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}

/** Terms are alternatives; an empty selector matches nothing. */
export function matchesNodeSelector(selector: NodeSelector, node: NodeInfo): boolean {
  return (selector.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node));
}

function matchesTerm(term: NodeSelectorTerm, node: NodeInfo): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length + fields.length === 0) return false;
  return holds(expressions, node.labels) && holds(fields, { "metadata.name": node.name });
}

const OPERATORS = { In: "in", NotIn: "notin", Exists: "exists", DoesNotExist: "!", Gt: "gt", Lt: "lt" } as const;

function holds(requirements: NonNullable<NodeSelectorTerm["matchExpressions"]>, labels: Labels): boolean {
  return requirements.every(({ key, operator, values }) => {
    const known = OPERATORS[operator as keyof typeof OPERATORS];
    return known !== undefined && labelMatcher([requirement(key, known, values ?? [])]).matches(labels);
  });
}

/** Host ports that are still free on the node. */
export const nodePorts: SchedulerPlugin = {
  name: "NodePorts",
  weight: 0,
  prepare(pod) {
    const wanted = hostPortsOf(pod);
    if (wanted.length === 0) return undefined;
    return {
      filter(node) {
        const taken = node.pods.flatMap(hostPortsOf);
        const conflicts = wanted.some((port) => taken.some((other) => conflict(port, other)));
        return conflicts ? [misfit("node(s) didn't have free ports for the requested pod ports")] : [];
      },
    };
  },
};

function conflict(a: HostPort, b: HostPort): boolean {
  const any = (ip: string): boolean => ip === "0.0.0.0" || ip === "";
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || any(a.ip) || any(b.ip));
}

/** Nodes that have the pod's images already are better, the more bytes the better. */
export const imageLocality: SchedulerPlugin = {
  name: "ImageLocality",
  weight: 1,
  prepare(pod, snapshot) {
    const images = (pod.spec?.containers ?? []).map((container) => container.image ?? "");
    const MIN = 23 * 1024 * 1024;
    const max = images.length * 1000 * 1024 * 1024;
    const sizeOn = (node: NodeInfo, image: string): number =>
      node.node.status?.images?.find((known) =>
        known.names?.some((name) => name === image || name.endsWith(`/${image}`)),
      )?.sizeBytes ?? 0;
    const spread = new Map(
      images.map((image) => [image, snapshot.nodes.filter((node) => sizeOn(node, image) > 0).length]),
    );
    return {
      score(node) {
        const sum = images.reduce(
          (total, image) => total + (sizeOn(node, image) * (spread.get(image) ?? 0)) / snapshot.nodes.length,
          0,
        );
        return Math.floor((100 * (Math.min(Math.max(sum, MIN), max) - MIN)) / (max - MIN));
      },
    };
  },
};
