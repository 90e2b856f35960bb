import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { isActive } from "../pods/pod-state.ts";

/** Finished pods that the cluster keeps, over all namespaces. */
const FINISHED_KEPT = 12_500;

/** Why a pod is collected; those that never got to end are marked as failed. */
export type Cause = "finished" | "no node" | "node out of service" | "never scheduled";

export interface Collected {
  readonly pod: Pod;
  readonly cause: Cause;
}

export interface Surroundings {
  readonly pods: readonly Pod[];
  readonly nodes: readonly Node[];
  /** Names of nodes of which it is certain that they are gone for good. */
  readonly goneNodes: ReadonlySet<string>;
  readonly kept?: number;
}

/** Pure: the pods that nobody else will ever remove, each once. */
export function plan(around: Surroundings): readonly Collected[] {
  const chosen = new Map<Pod, Cause>();
  const choose = (pods: readonly Pod[], cause: Cause): void => {
    for (const pod of pods) if (!chosen.has(pod)) chosen.set(pod, cause);
  };
  choose(excess(around), "finished");
  choose(stranded(around), "node out of service");
  choose(
    around.pods.filter(({ spec }) => around.goneNodes.has(spec?.nodeName ?? "")),
    "no node",
  );
  choose(
    around.pods.filter(({ spec, metadata }) => isDeleted(metadata) && (spec?.nodeName ?? "") === ""),
    "never scheduled",
  );
  return [...chosen].map(([pod, cause]) => ({ pod, cause }));
}

/** Pure: nodes that pods are bound to but that are not there. */
export function missingNodes(pods: readonly Pod[], nodes: readonly Node[]): ReadonlySet<string> {
  const present = new Set(nodes.map(({ metadata }) => metadata?.name ?? ""));
  return new Set(pods.map(({ spec }) => spec?.nodeName ?? "").filter((name) => name !== "" && !present.has(name)));
}

/** Finished pods beyond the limit: evicted ones first, then the oldest. */
function excess({ pods, kept = FINISHED_KEPT }: Surroundings): readonly Pod[] {
  const finished = pods.filter((pod) => !isDeleted(pod.metadata) && !isActive(pod));
  if (kept <= 0 || finished.length <= kept) return [];
  const evicted = ({ status }: Pod): number => (status?.reason === "Evicted" ? 0 : 1);
  const age = ({ metadata }: Pod): string => `${metadata?.creationTimestamp} ${metadata?.name}`;
  const ordered = [...finished].sort((a, b) => evicted(a) - evicted(b) || (age(a) < age(b) ? -1 : 1));
  return ordered.slice(0, finished.length - kept);
}

/** Deleted pods of nodes that an administrator declared out of service: no kubelet will confirm their end. */
function stranded({ pods, nodes }: Surroundings): readonly Pod[] {
  const out = new Set(nodes.filter(isOutOfService).map(({ metadata }) => metadata?.name ?? ""));
  return pods.filter(({ metadata, spec }) => isDeleted(metadata) && out.has(spec?.nodeName ?? ""));
}

function isOutOfService({ spec, status }: Node): boolean {
  const ready = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
  return !ready && spec?.taints?.some(({ key }) => key === "node.kubernetes.io/out-of-service") === true;
}

function isDeleted(metadata: Pod["metadata"]): boolean {
  return metadata?.deletionTimestamp !== undefined;
}
