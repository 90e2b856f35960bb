import {
  BETA_STORAGE_PROVISIONER,
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  jsonEqual,
  STORAGE_PROVISIONER,
} from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus } from "@tsukube/api/types/core-v1";

/**
 * Pure: the claim as it names its volume and says that this is done. Like all steps of binding the same object when nothing is
 * to change; `boundVolume` is the first, which the scheduler takes as well.
 */
export function boundClaim(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim {
  const volumeName = volume.metadata?.name ?? "";
  const isNamed = claim.spec?.volumeName === volumeName;
  const isDone = claim.metadata?.annotations?.[BIND_COMPLETED] !== undefined;
  if (isNamed && isDone) return claim;
  return annotated(
    { ...claim, spec: { ...claim.spec, volumeName } },
    { ...(isNamed ? {} : { [BOUND_BY_CONTROLLER]: "yes" }), [BIND_COMPLETED]: "yes" },
  );
}

/** The claim's status: what it got, or that it has nothing. */
export function claimInPhase(
  claim: PersistentVolumeClaim,
  phase: "Pending" | "Bound" | "Lost",
  volume?: PersistentVolume,
): PersistentVolumeClaim {
  const { accessModes: _modes, capacity, ...rest } = claim.status ?? {};
  const status: PersistentVolumeClaimStatus =
    volume === undefined
      ? { ...rest, phase }
      : {
          ...rest,
          phase,
          accessModes: volume.spec?.accessModes ?? [],
          // once bound, capacity is what a resize of the volume leaves in it
          capacity:
            claim.status?.phase === "Bound" && capacity !== undefined ? capacity : (volume.spec?.capacity ?? {}),
        };
  return jsonEqual(claim.status ?? {}, status) ? claim : { ...claim, status };
}

/** @param now RFC 3339, for `lastPhaseTransitionTime`. */
export function volumeInPhase(
  volume: PersistentVolume,
  phase: "Available" | "Bound" | "Released" | "Failed",
  now: string,
  message = "",
): PersistentVolume {
  const { status } = volume;
  if (status?.phase === phase && (status.message ?? "") === message) return volume;
  const lastPhaseTransitionTime = status?.phase === phase ? (status.lastPhaseTransitionTime ?? now) : now;
  return { ...volume, status: { phase, lastPhaseTransitionTime, ...(message !== "" && { message }) } };
}

/** The volume without its claim; a reservation that its user wrote stays, by name. */
export function unboundVolume(volume: PersistentVolume): PersistentVolume {
  const { claimRef, ...spec } = volume.spec ?? {};
  if (claimRef === undefined) return volume;
  if (volume.metadata?.annotations?.[BOUND_BY_CONTROLLER] === undefined) {
    const { uid: _uid, resourceVersion: _version, ...byName } = claimRef;
    return { ...volume, spec: { ...spec, claimRef: byName } };
  }
  const { [BOUND_BY_CONTROLLER]: _mark, ...annotations } = volume.metadata.annotations;
  return { ...volume, metadata: { ...volume.metadata, annotations }, spec };
}

/** The claim asks this provisioner for a volume. */
export function provisionedBy(claim: PersistentVolumeClaim, provisioner: string): PersistentVolumeClaim {
  return annotated(claim, { [STORAGE_PROVISIONER]: provisioner, [BETA_STORAGE_PROVISIONER]: provisioner });
}

type Annotated = { readonly metadata?: PersistentVolume["metadata"] };

function annotated<T extends Annotated>(object: T, more: Readonly<Record<string, string>>): T {
  const before = object.metadata?.annotations ?? {};
  const isThere = Object.entries(more).every(([key, value]) => before[key] === value);
  return isThere ? object : { ...object, metadata: { ...object.metadata, annotations: { ...before, ...more } } };
}
