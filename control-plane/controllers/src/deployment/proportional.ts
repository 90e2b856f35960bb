import type { Deployment, ReplicaSet } from "@tsukube/api/types/apps-v1";
import { desiredOf, maxOf } from "./annotations.ts";
import { availableOf, limitsOf, revisionOf, type Scaling, specOf, sum } from "./plan.ts";

/** Whether the deployment's size was changed since its sets got theirs. */
export function isResized(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  const wanted = deployment.spec?.replicas ?? 1;
  return sets.some((set) => specOf(set) > 0 && (desiredOf(set) ?? wanted) !== wanted);
}

/**
 * Pure: the sizes of all sets after a change of the deployment's size, without moving the rollout on. In the midst of one the
 * sets share the change in proportion to their sizes, so that no generation bears it alone.
 */
export function planResize(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Scaling[] {
  const wanted = deployment.spec?.replicas ?? 1;
  const active = [...(current === undefined ? [] : [current]), ...old].filter((set) => specOf(set) > 0);
  const latest = current ?? newest(old);
  const only = active.length > 1 ? undefined : (active[0] ?? latest);
  if (active.length <= 1) return only === undefined ? [] : [{ set: only, replicas: wanted }];
  if (current !== undefined && isSaturated(deployment, current))
    return active.filter((set) => set !== current).map((set) => ({ set, replicas: 0 }));
  return deployment.spec?.strategy?.type === "Recreate" ? [] : planShares(deployment, active);
}

function planShares(deployment: Deployment, active: readonly ReplicaSet[]): readonly Scaling[] {
  const wanted = deployment.spec?.replicas ?? 1;
  const allowed = wanted > 0 ? wanted + limitsOf(deployment).surge : 0;
  const change = allowed - sum(active, specOf);
  // the largest first; of equal ones the newer grows and the older shrinks
  const ordered = [...active].sort((a, b) => specOf(b) - specOf(a) || (change > 0 ? -1 : 1) * byAge(a, b));
  let left = change;
  const shares = ordered.map((set) => {
    const share = within(shareOf(deployment, set, allowed), left);
    left -= share;
    return { set, replicas: specOf(set) + share };
  });
  // what rounding leaves goes to the largest
  return shares.map(({ set, replicas }, index) => ({
    set,
    replicas: index === 0 ? Math.max(0, replicas + left) : replicas,
  }));
}

/** By how much the set changes when its part of the whole stays the same. */
function shareOf(deployment: Deployment, set: ReplicaSet, allowed: number): number {
  if ((deployment.spec?.replicas ?? 1) === 0) return -specOf(set);
  const before = maxOf(set) ?? deployment.status?.replicas ?? 0;
  if (before === 0) return 0;
  return Math.round((specOf(set) * allowed) / before) - specOf(set);
}

function within(share: number, left: number): number {
  if (left === 0) return 0;
  return left > 0 ? Math.min(share, left) : Math.max(share, left);
}

/** The set of the present template serves alone: the others are leftovers. */
function isSaturated(deployment: Deployment, current: ReplicaSet): boolean {
  const wanted = deployment.spec?.replicas ?? 1;
  return specOf(current) === wanted && (desiredOf(current) ?? wanted) === wanted && availableOf(current) === wanted;
}

function newest(sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(byAge).at(-1);
}

/** Older ones first. */
function byAge(a: ReplicaSet, b: ReplicaSet): number {
  const age = (set: ReplicaSet): string =>
    `${set.metadata?.creationTimestamp ?? ""} ${String(revisionOf(set)).padStart(19, "0")}`;
  return age(a) < age(b) ? -1 : age(a) > age(b) ? 1 : 0;
}
