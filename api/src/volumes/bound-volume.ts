import type { PersistentVolume, PersistentVolumeClaim } from "../../generated/types/core-v1.ts";
import { BOUND_BY_CONTROLLER } from "./annotations.ts";
import { isReservedFor } from "./claim-match.ts";

/**
 * The volume as it has to become to be the claim's, or the same object when it is. Whoever writes it first has the volume: the
 * write of another one fails on the resourceVersion.
 */
export function boundVolume(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { name = "", namespace = "", uid = "", resourceVersion = "" } = claim.metadata ?? {};
  const isReserved = isReservedFor(volume, claim);
  if (isReserved && volume.spec?.claimRef?.uid === uid) return volume;
  const claimRef = { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name, uid, resourceVersion };
  const bound = { ...volume, spec: { ...volume.spec, claimRef } };
  if (isReserved) return bound; // its user chose, so nobody else may undo it
  const annotations = { ...volume.metadata?.annotations, [BOUND_BY_CONTROLLER]: "yes" };
  return { ...bound, metadata: { ...volume.metadata, annotations } };
}
