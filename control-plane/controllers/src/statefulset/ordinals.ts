import type { StatefulSet } from "@tsukube/api/types/apps-v1";
import type { Pod } from "@tsukube/api/types/core-v1";

/** "web-3". */
export function podNameOf(set: StatefulSet, ordinal: number): string {
  return `${set.metadata?.name}-${ordinal}`;
}

/** The ordinal in a pod's name; undefined if it is not the name of a pod of the set. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const name = pod.metadata?.name ?? "";
  const ordinal = Number(/-(0|[1-9][0-9]{0,9})$/.exec(name)?.[1]);
  return name === podNameOf(set, ordinal) ? ordinal : undefined;
}

/** `spec.ordinals.start`, 0 by default. */
export function firstOrdinal(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

/** `spec.replicas`, 1 by default. */
export function replicasOf(set: StatefulSet): number {
  return set.spec.replicas ?? 1;
}

/** The ordinals that shall have a pod, ascending. */
export function wantedOrdinals(set: StatefulSet): readonly number[] {
  return Array.from({ length: replicasOf(set) }, (_, index) => firstOrdinal(set) + index);
}

/** Whether the ordinal shall have a pod. */
export function isWanted(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= firstOrdinal(set) && ordinal < firstOrdinal(set) + replicasOf(set);
}
