import type { Node } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { nodeWarnings } from "../../warnings/cluster.ts";
import { age } from "../ages.ts";
import { name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { boolAt } from "../text-at.ts";

/** Node: v1. */
export const nodes: Resource = {
  group: "",
  resource: "nodes",
  createdWithStatus: true,
  prepareForCreate: (node) => withPodCidrs(withoutConfig(node)),
  prepareForUpdate: withPodCidrs,
  complete: withPodCidrs,
  fieldLabels: { "spec.unschedulable": boolAt("spec.unschedulable") },
  rules: CORE["/Node"],
  statusRules: STATUSES["/Node"],
  warnings: nodeWarnings,
  cells: (object, now) => nodeCells(object as Node, now),
};

function nodeCells(node: Node, now: number): readonly unknown[] {
  const ready = node.status?.conditions?.find((condition) => condition.type === "Ready")?.status;
  const state = ready === "True" ? "Ready" : ready === undefined ? "Unknown" : "NotReady";
  const roles = Object.entries(node.metadata?.labels ?? {}).flatMap(([key, value]) =>
    key.startsWith("node-role.kubernetes.io/") ? [key.slice(24)] : key === "kubernetes.io/role" ? [value] : [],
  );
  const address = (type: string): string =>
    or(node.status?.addresses?.find((entry) => entry.type === type)?.address ?? "");
  const info = node.status?.nodeInfo;
  return [
    name(node),
    node.spec?.unschedulable === true ? `${state},SchedulingDisabled` : state,
    or(roles.sort().join(",")),
    age(node.metadata?.creationTimestamp, now),
    info?.kubeletVersion ?? "",
    address("InternalIP"),
    address("ExternalIP"),
    or(info?.osImage ?? "", "<unknown>"),
    or(info?.kernelVersion ?? "", "<unknown>") + (info?.architecture ? ` (${info.architecture})` : ""),
    or(info?.containerRuntimeVersion ?? "", "<unknown>"),
  ];
}

/** Kubelets are no longer configured through the API. */
function withoutConfig(node: Unstructured): Unstructured {
  const { configSource: _source, ...spec } = (node as Node).spec ?? {};
  const { config: _config, ...status } = (node as Node).status ?? {};
  return { ...node, spec, status } as Unstructured;
}

function withPodCidrs(node: Unstructured): Unstructured {
  const { podCIDR = "", podCIDRs = [], ...spec } = (node as Node).spec ?? {};
  const all = podCIDR === "" || podCIDRs[0] === podCIDR ? podCIDRs : [podCIDR]; // who changed one meant both
  return all.length === 0 ? node : ({ ...node, spec: { ...spec, podCIDR: all[0], podCIDRs: all } } as Unstructured);
}
