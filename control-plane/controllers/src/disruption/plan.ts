import { scaledValue, withAllowedCondition, withDisruptionCondition } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "@tsukube/api/types/policy-v1";
import { controllerOf } from "@tsukube/client";
import { readySince } from "../pods/pod-state.ts";

/** Who is to be deleted should be seen going within this time; else nobody will delete it any more. */
const DELETION_MS = 2 * 60_000;

/** The workload that decides how many pods there should be: for pods of a Deployment that one, not its ReplicaSet. */
export interface Workload {
  readonly uid: string;
  readonly replicas: number;
}

export interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus;
  /** Names of pods that nothing manages: without it nobody knows how many there should be. */
  readonly unmanaged: readonly string[];
  /** Pods that were to be deleted long ago, and were not. */
  readonly undeleted: readonly Pod[];
  /** When the status may change by itself, in ms. */
  readonly recheckAfterMs?: number;
}

/**
 * Pure: what the budget allows.
 * @param pods Those that it selects. @param workloads By the uid of a pod's controller; not needed for a plain number in
 * `minAvailable`. @param now Ms since the epoch. @throws {IntOrStringError}
 */
export function plan(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  workloads: ReadonlyMap<string, Workload>,
  now: number,
): BudgetPlan {
  const { expectedPods, desiredHealthy } = countsOf(budget, pods, workloads);
  const { disrupted, undeleted, recheckAfterMs } = unconfirmed(budget, pods, now);
  const isHealthy = ({ metadata, ...pod }: Pod): boolean =>
    metadata?.deletionTimestamp === undefined && !(metadata?.name && metadata.name in disrupted) && isReady(pod);
  const currentHealthy = pods.filter(isHealthy).length;
  // a budget without pods allows nothing: it may just not have seen its first ones yet
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const { conditions } = budget.status ?? {};
  const status: PodDisruptionBudgetStatus = {
    observedGeneration: budget.metadata?.generation ?? 0,
    ...(Object.keys(disrupted).length > 0 && { disruptedPods: disrupted }),
    disruptionsAllowed,
    currentHealthy,
    desiredHealthy,
    expectedPods,
    ...(conditions !== undefined && { conditions }),
  };
  return {
    status: withAllowedCondition(status, now),
    unmanaged: needsWorkloads(budget) ? unmanagedOf(pods) : [],
    undeleted,
    ...(recheckAfterMs !== undefined && { recheckAfterMs }),
  };
}

/** Pure: the status of a budget that cannot be counted: until it can, nothing is allowed. */
export function failed(budget: PodDisruptionBudget, message: string, now: number): PodDisruptionBudgetStatus {
  const status = { ...budget.status, disruptionsAllowed: 0 };
  return withDisruptionCondition(status, false, "SyncFailed", message, now);
}

/** Whether it matters how many pods there should be, as opposed to how many there are. */
export function needsWorkloads({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === "string";
}

function countsOf(
  { spec }: PodDisruptionBudget,
  pods: readonly Pod[],
  workloads: ReadonlyMap<string, Workload>,
): { readonly expectedPods: number; readonly desiredHealthy: number } {
  const { minAvailable, maxUnavailable } = spec ?? {};
  if (maxUnavailable !== undefined) {
    const expectedPods = scaleOf(pods, workloads);
    return {
      expectedPods,
      desiredHealthy: Math.max(0, expectedPods - scaledValue(maxUnavailable, expectedPods, true)),
    };
  }
  if (typeof minAvailable === "number") return { expectedPods: pods.length, desiredHealthy: minAvailable };
  if (minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 };
  const expectedPods = scaleOf(pods, workloads);
  return { expectedPods, desiredHealthy: scaledValue(minAvailable, expectedPods, true) };
}

/** The replicas of all workloads that have a pod here, each counted once. */
function scaleOf(pods: readonly Pod[], workloads: ReadonlyMap<string, Workload>): number {
  const found = pods.flatMap((pod) => workloads.get(controllerOf(pod)?.uid ?? "") ?? []);
  const replicas = new Map(found.map((workload) => [workload.uid, workload.replicas]));
  return [...replicas.values()].reduce((sum, each) => sum + each, 0);
}

function unmanagedOf(pods: readonly Pod[]): readonly string[] {
  return pods.filter((pod) => controllerOf(pod) === undefined).map(({ metadata }) => metadata?.name ?? "");
}

/** Pods that evictions said they would delete, and that are still there. */
function unconfirmed(budget: PodDisruptionBudget, pods: readonly Pod[], now: number) {
  const disrupted: Record<string, string> = {};
  const undeleted: Pod[] = [];
  const waits: number[] = [];
  for (const pod of pods) {
    const name = pod.metadata?.name ?? "";
    const since = budget.status?.disruptedPods?.[name];
    if (since === undefined || pod.metadata?.deletionTimestamp !== undefined) continue;
    const left = Date.parse(since) + DELETION_MS - now;
    if (left < 0) undeleted.push(pod);
    else {
      disrupted[name] = since;
      waits.push(left + 1);
    }
  }
  return { disrupted, undeleted, recheckAfterMs: waits.length === 0 ? undefined : Math.min(...waits) };
}

function isReady(pod: Pod): boolean {
  return readySince(pod) !== undefined;
}
