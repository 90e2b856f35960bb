import { scaledValue } from "@tsukube/api";
import type { Deployment, ReplicaSet } from "@tsukube/api/types/apps-v1";

/** A set and the replicas that it shall have. */
export interface Scaling {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

/** How far a rollout may go above and below the wanted replicas; never neither, or it could not move. */
export function limitsOf(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  const { replicas = 1, strategy } = deployment.spec ?? {};
  if (strategy?.type === "Recreate") return { surge: 0, unavailable: 0 };
  const surge = scaledValue(strategy?.rollingUpdate?.maxSurge ?? "25%", replicas, true);
  const unavailable = scaledValue(strategy?.rollingUpdate?.maxUnavailable ?? "25%", replicas, false);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas) };
}

/** Pure: how large the set of a new template begins. */
export function newSetSize(deployment: Deployment, old: readonly ReplicaSet[]): number {
  const wanted = deployment.spec?.replicas ?? 1;
  if (deployment.spec?.strategy?.type === "Recreate") return wanted;
  return Math.max(0, Math.min(wanted, wanted + limitsOf(deployment).surge - sum(old, specOf)));
}

/** Pure: the next step of a rolling update, up before down; nothing when it must wait or is done. */
export function planRolling(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): readonly Scaling[] {
  const wanted = deployment.spec?.replicas ?? 1;
  const { surge, unavailable } = limitsOf(deployment);
  const total = sum([current, ...old], specOf);
  const present = specOf(current);
  if (present > wanted) return [{ set: current, replicas: wanted }];
  const up = Math.min(wanted - present, wanted + surge - total);
  if (up > 0) return [{ set: current, replicas: present + up }];
  return planDown(current, old, total, wanted - unavailable);
}

/** Old sets give up unhealthy replicas first, then healthy ones as far as `least` stay available; oldest set first. */
function planDown(current: ReplicaSet, old: readonly ReplicaSet[], total: number, least: number): readonly Scaling[] {
  const newUnavailable = Math.max(0, specOf(current) - availableOf(current));
  let unhealthy = Math.max(0, total - least - newUnavailable);
  let healthy = Math.max(0, sum([current, ...old], availableOf) - least);
  if (unhealthy === 0) return [];
  const oldest = [...old].sort(byCreation);
  return oldest.flatMap((set) => {
    const lost = Math.min(unhealthy, Math.max(0, specOf(set) - availableOf(set)));
    unhealthy -= lost;
    const spared = Math.min(healthy, specOf(set) - lost);
    healthy -= spared;
    const replicas = specOf(set) - lost - spared;
    return replicas === specOf(set) ? [] : [{ set, replicas }];
  });
}

/** Pure: all old pods go before the first new one comes. `oldPods`: pods of old sets that still run. */
export function planRecreate(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
  oldPods: number,
): readonly Scaling[] {
  const down = old.filter((set) => specOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  const wanted = deployment.spec?.replicas ?? 1;
  if (down.length > 0 || oldPods > 0 || specOf(current) === wanted) return down;
  return [{ set: current, replicas: wanted }];
}

/** Sets beyond the history limit that may go, oldest revision first. */
export function planCleanup(deployment: Deployment, old: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const idle = old.filter(
    (set) => specOf(set) === 0 && (set.status?.replicas ?? 0) === 0 && set.metadata?.deletionTimestamp === undefined,
  );
  const excess = idle.length - (deployment.spec?.revisionHistoryLimit ?? 10);
  return excess <= 0 ? [] : [...idle].sort(byRevision).slice(0, excess);
}

export const REVISION = "deployment.kubernetes.io/revision";

/** 0 where none is recorded. An int64: numbers hold not all of them exactly. */
export function revisionOf(object: Deployment | ReplicaSet): bigint {
  const text = object.metadata?.annotations?.[REVISION] ?? "";
  const revision = /^[+-]?\d+$/.test(text) ? BigInt(text) : 0n;
  return BigInt.asIntN(64, revision) === revision ? revision : 0n;
}

function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  const difference = revisionOf(a) - revisionOf(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function sum(sets: readonly ReplicaSet[], of: (set: ReplicaSet) => number): number {
  return sets.reduce((total, set) => total + of(set), 0);
}

/** `spec.replicas`, 1 by default. */
export function specOf(set: ReplicaSet): number {
  return set.spec?.replicas ?? 1;
}

export function availableOf(set: ReplicaSet): number {
  return set.status?.availableReplicas ?? 0;
}

function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  return (a.metadata?.creationTimestamp ?? "") < (b.metadata?.creationTimestamp ?? "") ? -1 : 1;
}
