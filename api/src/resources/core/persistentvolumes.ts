import { formatTime } from "@tsukube/foundation";
import type { PersistentVolume } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { persistentVolumeWarnings } from "../../warnings/storage.ts";
import { created, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { accessModes } from "./access-modes.ts";

/** PersistentVolume: v1. */
export const persistentvolumes: Resource = {
  group: "",
  resource: "persistentvolumes",
  returnsDeleted: true,
  prepareForCreate: (volume, _context, now) => ({
    ...volume,
    status: { phase: "Pending", lastPhaseTransitionTime: formatTime(now) },
  }),
  prepareForStatus: withTransitionTime,
  rules: CORE["/PersistentVolume"],
  warnings: persistentVolumeWarnings,
  cells: (object, now) => {
    const claim = (object["spec"] as { claimRef?: { namespace?: string; name?: string } } | undefined)?.claimRef;
    return [
      name(object),
      textAt(object, "spec.capacity.storage"),
      accessModes((object["spec"] as { accessModes?: readonly string[] } | undefined)?.accessModes),
      textAt(object, "spec.persistentVolumeReclaimPolicy"),
      object.metadata?.deletionTimestamp === undefined ? textAt(object, "status.phase") : "Terminating",
      claim === undefined || claim === null ? "" : `${claim.namespace ?? ""}/${claim.name ?? ""}`,
      textAt(object, "spec.storageClassName"),
      or(textAt(object, "spec.volumeAttributesClassName"), "<unset>"),
      textAt(object, "status.reason"),
      created(object, now),
      textAt(object, "spec.volumeMode") || "<unset>",
    ];
  },
};

/** When a volume last changed its phase (KEP-3762). */
function withTransitionTime(next: Unstructured, old: Unstructured, now: number): Unstructured {
  const [status, before] = [(next as PersistentVolume).status ?? {}, (old as PersistentVolume).status ?? {}];
  const asked = status.lastPhaseTransitionTime;
  const isMoved = status.phase !== before.phase;
  if (asked && (!isMoved || asked !== before.lastPhaseTransitionTime)) return next;
  const time = isMoved ? formatTime(now) : before.lastPhaseTransitionTime;
  return time ? { ...next, status: { ...status, lastPhaseTransitionTime: time } } : next;
}
