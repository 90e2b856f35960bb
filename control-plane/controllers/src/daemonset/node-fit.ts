import { type Labels, labelMatcher, requirement } from "@tsukube/api";
import type { Node, NodeSelectorTerm, PodSpec } from "@tsukube/api/types/core-v1";
import { tolerates } from "../nodes/taints.ts";

/** What a node is to a daemon: it gets a pod ("run"), may keep the one that it has ("keep"), or must not have one ("leave"). */
export type NodeFit = "run" | "keep" | "leave";

/** Pure: whether a pod of `spec` belongs on the node. Resources and ports do not matter: the scheduler sees to those. */
export function nodeFit(spec: PodSpec, node: Node): NodeFit {
  const name = node.metadata?.name ?? "";
  if ((spec.nodeName ?? name) !== name || !matchesSelectors(spec, node)) return "leave";
  const tolerations = spec.tolerations ?? [];
  const untolerated = (node.spec?.taints ?? []).filter((taint) => !tolerations.some((one) => tolerates(one, taint)));
  if (untolerated.some(({ effect }) => effect === "NoExecute")) return "leave";
  return untolerated.some(({ effect }) => effect === "NoSchedule") ? "keep" : "run";
}

function matchesSelectors(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata?.labels ?? {};
  if (!Object.entries(spec.nodeSelector ?? {}).every(([key, value]) => labels[key] === value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || (required.nodeSelectorTerms ?? []).some((term) => matchesTerm(term, node));
}

/** An empty term matches nothing. */
function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions: expressions = [], matchFields: fields = [] } = term;
  if (expressions.length + fields.length === 0) return false;
  return (
    holds(expressions, node.metadata?.labels ?? {}) && holds(fields, { "metadata.name": node.metadata?.name ?? "" })
  );
}

const OPERATORS = { In: "in", NotIn: "notin", Exists: "exists", DoesNotExist: "!", Gt: "gt", Lt: "lt" } as const;

function holds(requirements: NonNullable<NodeSelectorTerm["matchExpressions"]>, labels: Labels): boolean {
  return requirements.every(({ key, operator, values }) => {
    const known = OPERATORS[operator as keyof typeof OPERATORS];
    return known !== undefined && labelMatcher([requirement(key, known, values ?? [])]).matches(labels);
  });
}
