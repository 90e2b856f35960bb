import type { NodeSelectorTerm } from "../../generated/types/core-v1.ts";
import { labelValueProblems } from "../selectors/label-syntax.ts";

/** Labels of nodes that have a newer name. */
export const OLD_NODE_LABELS: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "app.kubernetes.io/created-by": "deprecated since v1.9",
  "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
  "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
};

/** Old labels in a term that selects nodes. @param isPreferred Preferred terms may have values that no label can have. */
export function nodeTermWarnings(term: NodeSelectorTerm, at: string, isPreferred = false): string[] {
  return (term.matchExpressions ?? []).flatMap(({ key, values }, index) => {
    const here = `${at}.matchExpressions[${index}]`;
    const old = OLD_NODE_LABELS[key] === undefined ? [] : [`${here}.key: ${key} is ${OLD_NODE_LABELS[key]}`];
    const checked = isPreferred ? (values ?? []) : [];
    const bad = checked.flatMap((value, place) =>
      labelValueProblems(value).map((why) => `${here}.values[${place}]: ${value} is invalid, ${why}`),
    );
    return [...old, ...bad];
  });
}
