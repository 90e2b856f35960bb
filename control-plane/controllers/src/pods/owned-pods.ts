import { type KubeObject, labelMatcherOf } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";
import { controllerOf, type Informer, type InformerHandler, type Key, keyOf } from "@tsukube/client";
import type { Expectations } from "./expectations.ts";

export interface PodOwners<T extends KubeObject> {
  /** "ReplicaSet". */
  readonly kind: string;
  readonly owners: Informer<T>;
  selectorOf(owner: T): LabelSelector | undefined;
  readonly expectations?: Expectations;
  add(key: Key): void;
}

/** Wakes the owner of each pod that changes, and for an orphan each owner that could adopt it. */
export function ownedPods<T extends KubeObject>(options: PodOwners<T>): InformerHandler<Pod> {
  const { kind, owners, selectorOf, expectations, add } = options;
  const wake = (pod: Pod, record?: (key: Key) => void): void => {
    const owner = controllerOf(pod);
    const namespace = pod.metadata?.namespace ?? "";
    if (owner !== undefined) {
      if (owner.kind !== kind) return;
      record?.(`${namespace}/${owner.name}`);
      add(`${namespace}/${owner.name}`);
      return;
    }
    for (const candidate of owners.byIndex("namespace", namespace))
      if (labelMatcherOf(selectorOf(candidate)).matches(pod.metadata?.labels)) add(keyOf(candidate));
  };
  const gone = (pod: Pod): void => wake(pod, (key) => expectations?.deleted(key, pod.metadata?.uid ?? ""));
  return {
    added: (pod) =>
      pod.metadata?.deletionTimestamp === undefined ? wake(pod, (key) => expectations?.created(key)) : gone(pod),
    updated: (before, pod) => {
      if (controllerOf(before)?.uid !== controllerOf(pod)?.uid) wake(before);
      if (pod.metadata?.deletionTimestamp === undefined) wake(pod);
      else gone(pod);
    },
    deleted: gone,
  };
}
