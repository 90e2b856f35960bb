import { BIND_COMPLETED, storageClassOf } from "@tsukube/api";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { isControlledBy } from "@tsukube/client";
import type { Snapshot } from "../framework.ts";

/** A claim of a pod and the name that the pod knows it by. */
export interface PodClaim {
  readonly name: string;
  /** Of a generic ephemeral volume: a controller makes it, for this pod only. */
  readonly isEphemeral: boolean;
}

/** The pod's claims, each once, those of generic ephemeral volumes included. */
export function podClaimsOf(pod: Pod): readonly PodClaim[] {
  const claims = new Map<string, PodClaim>();
  for (const { name, persistentVolumeClaim, ephemeral } of pod.spec?.volumes ?? []) {
    const isEphemeral = ephemeral !== undefined;
    if (persistentVolumeClaim === undefined && !isEphemeral) continue;
    const claimName = persistentVolumeClaim?.claimName ?? `${pod.metadata?.name}-${name}`;
    claims.set(claimName, { name: claimName, isEphemeral });
  }
  return [...claims.values()];
}

/** Whether the binder is done with the claim. */
export function isBound(claim: PersistentVolumeClaim): boolean {
  return (claim.spec?.volumeName ?? "") !== "" && claim.metadata?.annotations?.[BIND_COMPLETED] !== undefined;
}

/** A claim that waits for its first consumer before it gets a volume; one that names its volume does not wait. */
function waitsForConsumer(claim: PersistentVolumeClaim, snapshot: Pick<Snapshot, "storageClass">): boolean {
  if ((claim.spec?.volumeName ?? "") !== "") return false;
  return snapshot.storageClass(storageClassOf(claim))?.volumeBindingMode === "WaitForFirstConsumer";
}

/** Why the pod cannot have this claim on any node, in upstream's words; undefined when it can. */
export function claimFailure(
  pod: Pod,
  { name, isEphemeral }: PodClaim,
  claim: PersistentVolumeClaim | undefined,
  snapshot: Snapshot,
): string | undefined {
  const namespace = pod.metadata?.namespace ?? "";
  if (claim === undefined) {
    return isEphemeral
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
      : `persistentvolumeclaim "${name}" not found`;
  }
  if (isEphemeral && !isControlledBy(claim, pod))
    return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata?.name} (pod is not owner)`;
  if (claim.metadata?.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  if (claim.status?.phase === "Lost")
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
  if (isBound(claim) || waitsForConsumer(claim, snapshot)) return undefined;
  return "pod has unbound immediate PersistentVolumeClaims";
}
