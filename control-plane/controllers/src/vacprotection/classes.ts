import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";

/** Pure: the VolumeAttributesClass that a volume has. */
export function classesOfVolume({ spec }: PersistentVolume): readonly string[] {
  return named(spec?.volumeAttributesClassName);
}

/** Pure: the classes that a claim asks for, has, and is on the way to. */
export function classesOfClaim({ spec, status }: PersistentVolumeClaim): readonly string[] {
  return named(
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  );
}

function named(...names: readonly (string | undefined | null)[]): readonly string[] {
  return [...new Set(names.filter((name): name is string => name !== undefined && name !== null && name !== ""))];
}
