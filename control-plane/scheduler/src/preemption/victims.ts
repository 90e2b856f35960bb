import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget } from "@tsukube/api/types/policy-v1";
import { type NodeInfo, priorityOf } from "../node-info.ts";
import type { PodFilters } from "../pod-filters.ts";
import { splitByBudgets } from "./disruption-budgets.ts";

/** Pods that have to leave a node so that another fits. */
export interface Victims {
  readonly node: string;
  /** The most important first; at least one. */
  readonly pods: readonly Pod[];
  /** How many of them a disruption budget does not allow to go. */
  readonly violations: number;
}

/** Says why nothing on the node could make room, in upstream's words. */
export type NoVictims = { readonly reasons: readonly string[] };

/**
 * The fewest and least important pods of lower priority whose end makes room for a pod: all of them leave, and the others come back
 * one by one while the pod still fits, those first that a disruption budget protects, then the important ones.
 */
export function victimsOn(
  node: NodeInfo,
  pod: Pod,
  filters: PodFilters,
  budgets: readonly PodDisruptionBudget[],
): Victims | NoVictims {
  const trial = node.clone();
  const lower = trial.pods.filter((other) => priorityOf(other) < priorityOf(pod));
  if (lower.length === 0) return { reasons: ["No preemption victims found for incoming pod"] };
  for (const other of lower) trial.remove(other);
  const misfits = filters.on(trial).misfits(trial);
  if (misfits.length > 0) return { reasons: misfits.map(({ reason }) => reason) };
  const comesBack = (other: Pod): boolean => {
    trial.add(other);
    if (filters.on(trial).misfits(trial).length === 0) return true;
    trial.remove(other);
    return false;
  };
  const { violating, others } = splitByBudgets([...lower].sort(byImportance), budgets);
  const protectedVictims = violating.filter((other) => !comesBack(other));
  const victims = [...protectedVictims, ...others.filter((other) => !comesBack(other))];
  return { node: node.name, pods: victims.sort(byImportance), violations: protectedVictims.length };
}

/** Orders pods: higher priority first, then who started earlier. One that has not started yet is the least important. */
function byImportance(a: Pod, b: Pod): number {
  return priorityOf(b) - priorityOf(a) || startOf(a) - startOf(b) || 0;
}

/** ms since the epoch; Infinity when it has not started. */
export function startOf({ status }: Pod): number {
  return status?.startTime === undefined ? Number.POSITIVE_INFINITY : Date.parse(status.startTime);
}
