import { hasSameMode, PROVISIONED_BY } from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { Note } from "./plan-claim.ts";

export type VolumePlan =
  | { readonly type: "phase"; readonly phase: "Available" | "Bound" | "Released" }
  /** The claim takes the next step. */
  | { readonly type: "wait"; readonly note: Note | undefined }
  /** Nobody here can delete what is behind the volume. */
  | { readonly type: "fail"; readonly note: Note }
  /** The claim got another volume: this one is free again. */
  | { readonly type: "unbind" };

/**
 * Pure: what is next for a volume.
 * @param claim The one that `spec.claimRef` names, by name and, once it has a uid, by that; undefined when it is gone.
 */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const owner = volume.spec?.claimRef;
  // reserved by its user for a claim that does not have it yet is available still, though not to others
  if (owner === undefined || (owner.uid ?? "") === "") return { type: "phase", phase: "Available" };
  if (claim === undefined) return planReclaim(volume);
  const chosen = claim.spec?.volumeName ?? "";
  if (chosen === "") {
    const message = "Cannot bind PersistentVolume to requested PersistentVolumeClaim due to incompatible volumeMode.";
    const isMismatch = !hasSameMode(volume, claim);
    return { type: "wait", note: isMismatch ? { type: "Warning", reason: "VolumeMismatch", message } : undefined };
  }
  if (chosen === volume.metadata?.name) return { type: "phase", phase: "Bound" };
  const isMadeForClaim = volume.metadata?.annotations?.[PROVISIONED_BY] !== undefined;
  if (isMadeForClaim && volume.spec?.persistentVolumeReclaimPolicy === "Delete") return planReclaim(volume);
  return { type: "unbind" };
}

/** The claim is gone. A volume with a provisioner is released; that one deletes it when the policy says so. */
function planReclaim(volume: PersistentVolume): VolumePlan {
  const phase = volume.status?.phase;
  if (phase !== "Released" && phase !== "Failed") return { type: "phase", phase: "Released" };
  const { persistentVolumeReclaimPolicy: policy = "Retain" } = volume.spec ?? {};
  const name = volume.metadata?.name;
  const settled: VolumePlan = { type: "wait", note: undefined };
  const fail = (reason: string, message: string): VolumePlan =>
    phase === "Failed" ? settled : { type: "fail", note: { type: "Warning", reason, message } };
  switch (policy) {
    case "Retain":
      return settled;
    case "Delete":
      if (volume.metadata?.annotations?.[PROVISIONED_BY] !== undefined) return settled;
      return fail(
        "VolumeFailedDelete",
        `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`,
      );
    case "Recycle":
      return fail("VolumeFailedRecycle", "Cannot recycle the volume: expected reclaim policy Retain or Delete");
    default:
      return fail("VolumeUnknownReclaimPolicy", "Volume has an unrecognized PersistentVolumeReclaimPolicy");
  }
}
