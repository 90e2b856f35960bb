import { scaledValue } from "@tsukube/api";
import type { DaemonSet } from "@tsukube/api/types/apps-v1";
import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { isAvailable, readySince } from "../pods/pod-state.ts";
import { daemonSpecOf, isUpdated, nodeOf } from "./daemon-pod.ts";
import { type NodeFit, nodeFit } from "./node-fit.ts";

export interface Observed {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** All pods that the set controls. */
  readonly pods: readonly Pod[];
  /** The hash of the present template. */
  readonly hash: string;
  readonly now: number;
  /** How long a failed pod of the node must stay, in ms; 0 when it may be replaced. */
  backoff(node: string): number;
}

/** A node, what it is to the set, and the set's pods on it: bound ones first, then the oldest. */
export interface NodeCensus {
  readonly name: string;
  /** "gone": there is no such node, only pods for it. */
  readonly fit: NodeFit | "gone";
  readonly pods: readonly Pod[];
}

/** Pure: nodes and pods brought together, in the order of node names. */
export function censusOf({ set, nodes, pods }: Observed): readonly NodeCensus[] {
  const spec = daemonSpecOf(set);
  const perNode = new Map<string, Pod[]>(nodes.map(({ metadata }) => [metadata?.name ?? "", []]));
  for (const pod of pods) {
    const name = nodeOf(pod);
    // the kubelet has ended it and is about to let it go: nothing runs there any more
    if (name === undefined || (isTerminating(pod) && isFinished(pod))) continue;
    perNode.set(name, [...(perNode.get(name) ?? []), pod]);
  }
  const fits = new Map<string, NodeFit>(nodes.map((node) => [node.metadata?.name ?? "", nodeFit(spec, node)]));
  return [...perNode.entries()]
    .map(([name, all]) => ({ name, fit: fits.get(name) ?? ("gone" as const), pods: all.sort(byPrecedence) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The pods of a node that are not on their way out, of the present template and of former ones. */
export function generationsOf(
  { pods }: NodeCensus,
  hash: string,
): { readonly updated: readonly Pod[]; readonly outdated: readonly Pod[] } {
  const living = pods.filter((pod) => !isTerminating(pod));
  return {
    updated: living.filter((pod) => isUpdated(pod, hash)),
    outdated: living.filter((pod) => !isUpdated(pod, hash)),
  };
}

/** How many nodes an update may leave without an available pod, and how many may have a second pod. */
export function limitsOf(set: DaemonSet, desired: number): { readonly unavailable: number; readonly surge: number } {
  const { maxUnavailable = 1, maxSurge = 0 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const unavailable = scaledValue(maxUnavailable, desired, true);
  const surge = scaledValue(maxSurge, desired, true);
  return { unavailable: unavailable === 0 && surge === 0 ? 1 : unavailable, surge };
}

/** Whether two pods, an old and a new one, may be on a node while the set is updated. */
export function allowsSurge(set: DaemonSet): boolean {
  const isRolling = set.spec.updateStrategy?.type !== "OnDelete";
  return isRolling && limitsOf(set, 100).surge > 0;
}

export function isTerminating(pod: Pod): boolean {
  return pod.metadata?.deletionTimestamp !== undefined;
}

export function isFinished(pod: Pod): boolean {
  return pod.status?.phase === "Failed" || pod.status?.phase === "Succeeded";
}

export function isReady(pod: Pod): boolean {
  return readySince(pod) !== undefined;
}

/** Ready for as long as the set asks. */
export function isAvailableFor({ set, now }: Observed, pod: Pod): boolean {
  return isAvailable(pod, set.spec.minReadySeconds ?? 0, now);
}

function byPrecedence(a: Pod, b: Pod): number {
  const key = ({ spec, metadata }: Pod): string =>
    `${(spec?.nodeName ?? "") === "" ? 1 : 0} ${metadata?.creationTimestamp ?? ""} ${metadata?.name ?? ""}`;
  return key(a) < key(b) ? -1 : 1;
}
