import type { KubeObject } from "@tsukube/api";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { usesClaim } from "../pods/pod-volumes.ts";

/**
 * Pure: whether one of the pods uses the claim. One without a node does not: its kubelet will refuse a claim that is being
 * deleted. One that has ended does, as long as it exists.
 */
export function isInUse(claim: PersistentVolumeClaim, pods: readonly Pod[]): boolean {
  return pods.some((pod) => (pod.spec?.nodeName ?? "") !== "" && usesClaim(pod, claim));
}

/** Pure: whether a pod that goes on refers to the claim, also one without a node. */
export function isReferredTo(claim: PersistentVolumeClaim, pods: readonly Pod[]): boolean {
  return pods.some((pod) => !isOver(pod) && usesClaim(pod, claim));
}

/** Ended, or deleted with nothing that runs: its volumes will not be used again. */
export function isOver({ metadata, status }: Pod): boolean {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return true;
  if (metadata?.deletionTimestamp === undefined) return false;
  return (status?.containerStatuses ?? []).every(({ state }) => state?.running === undefined);
}

/** Pure: a bound claim whose condition `Unused` tells since when nobody refers to it, or somebody does; or the same claim. */
export function changeUnused(claim: PersistentVolumeClaim, isReferred: boolean, now: number): PersistentVolumeClaim {
  const conditions = claim.status?.conditions ?? [];
  const finding = isReferred ? REFERRED_TO : UNUSED;
  if (conditions.some(({ type, status }) => type === "Unused" && status === finding.status)) return claim;
  const next = { type: "Unused", ...finding, lastTransitionTime: formatTime(now) };
  const others = conditions.filter(({ type }) => type !== "Unused");
  return { ...claim, status: { ...claim.status, conditions: [...others, next] } };
}

const UNUSED = { status: "True", reason: "NoPodsUsingPVC", message: "No pods are currently referencing this PVC" };
const REFERRED_TO = { status: "False", reason: "PodUsingPVC", message: "A pod is currently referencing this PVC" };

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
