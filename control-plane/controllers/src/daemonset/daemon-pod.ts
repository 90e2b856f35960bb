import type { ControllerRevision, DaemonSet } from "@tsukube/api/types/apps-v1";
import type { Affinity, Pod, PodSpec, Toleration } from "@tsukube/api/types/core-v1";
import { controllerReference } from "@tsukube/client";
import { podFromTemplate } from "../pods/pod-from-template.ts";

/** The label of a pod, and of the revision it was made of, that holds the hash of the template. */
export const HASH_LABEL = "controller-revision-hash";
const GENERATION_LABEL = "pod-template-generation";
const GENERATION = "deprecated.daemonset.template.generation";

/** A daemon stays on a node that has troubles, and comes to one that is not ready yet: it may be what makes it ready. */
const TOLERATIONS: readonly Toleration[] = [
  { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute" },
  { key: "node.kubernetes.io/disk-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/memory-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/pid-pressure", operator: "Exists", effect: "NoSchedule" },
  { key: "node.kubernetes.io/unschedulable", operator: "Exists", effect: "NoSchedule" },
];
const NETWORK_TOLERATION: Toleration = {
  key: "node.kubernetes.io/network-unavailable",
  operator: "Exists",
  effect: "NoSchedule",
};

/** The spec of the set's pods, not yet bound to a node: the template's with the tolerations that every daemon has. */
export function daemonSpecOf(set: DaemonSet): PodSpec {
  const { spec } = set.spec.template;
  const added = spec?.hostNetwork === true ? [...TOLERATIONS, NETWORK_TOLERATION] : TOLERATIONS;
  const own = (spec?.tolerations ?? []).filter((toleration) => !added.some((other) => isSame(toleration, other)));
  return { ...spec, containers: spec?.containers ?? [], tolerations: [...own, ...added] };
}

/** A pod of the set for one node, where the scheduler places it. */
export function daemonPodOf(set: DaemonSet, node: string, hash: string): Pod {
  const spec = daemonSpecOf(set);
  const template = { ...set.spec.template, spec: { ...spec, affinity: pinned(spec.affinity, node) } };
  const pod = podFromTemplate(set, controllerReference(set, "apps/v1", "DaemonSet"), template);
  const generation = set.metadata?.annotations?.[GENERATION];
  const labels = {
    ...pod.metadata?.labels,
    ...(generation === undefined ? {} : { [GENERATION_LABEL]: generation }),
    [HASH_LABEL]: hash,
  };
  return { ...pod, metadata: { ...pod.metadata, labels } };
}

/** The node that the pod is on, or that it waits to get on; undefined for a pod that is not a daemon's. */
export function nodeOf(pod: Pod): string | undefined {
  if ((pod.spec?.nodeName ?? "") !== "") return pod.spec?.nodeName;
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = (required?.nodeSelectorTerms ?? []).flatMap(({ matchFields }) => matchFields ?? []);
  const names = fields.filter(({ key, operator }) => key === "metadata.name" && operator === "In");
  return names.find(({ values }) => values?.length === 1)?.values?.[0];
}

/** The hash that pods of the revision carry. */
export function hashOf(revision: ControllerRevision): string {
  return revision.metadata?.labels?.[HASH_LABEL] ?? revision.metadata?.name ?? "";
}

/** Whether the pod is of the template with this hash. */
export function isUpdated(pod: Pod, hash: string): boolean {
  return pod.metadata?.labels?.[HASH_LABEL] === hash;
}

/** The node replaces the template's required terms: it satisfies them, and terms are alternatives. */
function pinned(affinity: Affinity | undefined, node: string): Affinity {
  const term = { matchFields: [{ key: "metadata.name", operator: "In", values: [node] }] };
  const requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms: [term] };
  return {
    ...affinity,
    nodeAffinity: { ...affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution },
  };
}

function isSame(a: Toleration, b: Toleration): boolean {
  return a.key === b.key && a.operator === b.operator && a.effect === b.effect && (a.value ?? "") === (b.value ?? "");
}
