import type { KubeObject } from "@tsukube/api";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { usesClaim } from "../pods/pod-volumes.ts";

/**
 * Pure: whether one of the pods uses the claim. One without a node does not: its kubelet will refuse a claim that is being
 * deleted. One that has ended does, as long as it exists.
 */
export function isInUse(claim: PersistentVolumeClaim, pods: readonly Pod[]): boolean {
  return pods.some((pod) => (pod.spec?.nodeName ?? "") !== "" && usesClaim(pod, claim));
}

/** Pure: the object with the finalizer while it lives or is in use, without it once it is deleted and unused; or the same object. */
export function changeProtection<T extends KubeObject>(object: T, finalizer: string, isUsed: () => boolean): T {
  const before = object.metadata?.finalizers ?? [];
  const isProtected = before.includes(finalizer);
  if (object.metadata?.deletionTimestamp === undefined)
    return isProtected ? object : withFinalizers(object, [...before, finalizer]);
  if (!isProtected || isUsed()) return object;
  return withFinalizers(
    object,
    before.filter((each) => each !== finalizer),
  );
}

function withFinalizers<T extends KubeObject>(object: T, finalizers: readonly string[]): T {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}
