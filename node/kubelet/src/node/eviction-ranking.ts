import { quantityValue } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { requestsOf } from "../pods/node-room.ts";
import type { Threshold } from "./pressure.ts";

/** A pod and what it uses of that of which there is too little. */
export interface Candidate {
  readonly pod: Pod;
  /** Bytes or processes. */
  readonly used: number;
}

/** From here on (system-cluster-critical) a pod is not evicted. */
const CRITICAL = 2_000_000_000;

/**
 * Pure: pods in the order in which they are evicted: those that use more than they asked for before others, less important ones
 * before more important, then by how much more they use. Critical and static ones never.
 */
export function rank(candidates: readonly Candidate[], { resource }: Threshold): readonly Candidate[] {
  const over = ({ pod, used }: Candidate): number => used - requestOf(pod, resource);
  const priority = ({ pod }: Candidate): number => pod.spec?.priority ?? 0;
  return candidates
    .filter(({ pod }) => !isCritical(pod))
    .sort((a, b) => Number(over(b) > 0) - Number(over(a) > 0) || priority(a) - priority(b) || over(b) - over(a));
}

export function isCritical({ spec, metadata }: Pod): boolean {
  const isStatic = metadata?.annotations?.["kubernetes.io/config.source"] !== undefined;
  return isStatic || (spec?.priority ?? 0) >= CRITICAL;
}

function requestOf(pod: Pod, resource: Threshold["resource"]): number {
  switch (resource) {
    case "memory":
      return requestsOf(pod).memoryBytes;
    case "ephemeral-storage":
      return (pod.spec?.containers ?? []).reduce(
        (sum, { resources }) => sum + quantityValue(resources?.requests?.["ephemeral-storage"] ?? "0"),
        0,
      );
    default:
      return 0;
  }
}

/** Pure: why a pod has to go, in upstream's words. */
export function evictionMessage({ resource }: Threshold, least: number, available: number): string {
  const shown = (value: number): string =>
    resource === "memory" || resource === "ephemeral-storage"
      ? `${Math.floor(value / 1024)}Ki`
      : `${Math.floor(value)}`;
  return `The node was low on resource: ${resource}. Threshold quantity: ${shown(least)}, available: ${shown(available)}. `;
}
