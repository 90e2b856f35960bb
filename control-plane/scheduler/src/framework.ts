import type { PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import type { NodeInfo } from "./node-info.ts";

/** Why a node does not fit. `unresolvable`: removing pods from it would not help. */
export interface Misfit {
  readonly reason: string;
  readonly unresolvable: boolean;
}

/** What plugins see besides the pod and the node: one consistent view for one decision. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  /** All of them, for claims that wait for a node. */
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  /** Labels of a namespace, for namespaceSelector of pod affinity. */
  namespaceLabels(name: string): Readonly<Record<string, string>>;
  /** Pods without a node for which there is to be room on this one. */
  nominated(node: string): readonly Pod[];
}

/**
 * One concern of scheduling, named as upstream's plugin. `prepare` looks at the pod and the whole cluster once and returns the
 * functions that then see each node; undefined: the plugin has nothing to say about this pod.
 */
export interface SchedulerPlugin {
  readonly name: string;
  readonly weight: number;
  /** What it says of a node depends on the pods of others, too. */
  readonly seesOtherNodes?: true;
  prepare(pod: Pod, snapshot: Snapshot): Prepared | undefined;
}

export interface Prepared {
  /** Fails the pod before any node is looked at, such as a claim that does not exist. */
  readonly failure?: string;
  /** Why the pod cannot run there; all reasons are shown to the user. */
  filter?(node: NodeInfo): readonly Misfit[];
  /** 0 to 100, or any number when `normalize` maps the nodes' scores to that. */
  score?(node: NodeInfo): number;
  normalize?(scores: readonly number[]): readonly number[];
  /** Instead of `score`: of all nodes that fit, where one's depends on the others. */
  scores?(nodes: readonly NodeInfo[]): readonly number[];
}

export const MAX_SCORE = 100;

export function misfit(reason: string, unresolvable = false): Misfit {
  return { reason, unresolvable };
}

/** Scores so that the highest raw value gets 100; `reverse`: the lowest does. */
export function proportional(scores: readonly number[], reverse = false): readonly number[] {
  const max = Math.max(0, ...scores);
  if (max === 0) return scores.map(() => (reverse ? MAX_SCORE : 0));
  return scores.map((score) => {
    const scaled = Math.floor((score * MAX_SCORE) / max);
    return reverse ? MAX_SCORE - scaled : scaled;
  });
}
