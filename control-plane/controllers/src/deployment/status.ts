import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from "@tsukube/api/types/apps-v1";
import { formatTime } from "@tsukube/foundation";
import { availableOf, limitsOf, sum } from "./plan.ts";

/** Pure: the status that the sets give, with conditions worded as `kubectl rollout status` expects them. */
export function statusOf(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  now: number,
): DeploymentStatus {
  const all = current === undefined ? old : [current, ...old];
  const counts = {
    observedGeneration: deployment.metadata?.generation ?? 0,
    replicas: sum(all, (set) => set.status?.replicas ?? 0),
    updatedReplicas: current?.status?.replicas ?? 0,
    readyReplicas: sum(all, (set) => set.status?.readyReplicas ?? 0),
    availableReplicas: sum(all, availableOf),
    unavailableReplicas: Math.max(0, sum(all, (set) => set.spec?.replicas ?? 1) - sum(all, availableOf)),
  };
  const { collisionCount } = deployment.status ?? {};
  const progressing = progressingOf(deployment, current, counts, now);
  const conditions = [availabilityOf(deployment, counts.availableReplicas), ...(progressing ? [progressing] : [])];
  return {
    ...counts,
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: conditions.map((condition) => stamped(deployment, condition, now)),
  };
}

/** The rollout is done: all replicas are new and available, and the controller has seen the latest spec. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = deployment.spec?.replicas ?? 1;
  return status.updatedReplicas === wanted && status.replicas === wanted && status.availableReplicas === wanted;
}

function availabilityOf(deployment: Deployment, available: number): DeploymentCondition {
  const enough = available >= (deployment.spec?.replicas ?? 1) - limitsOf(deployment).unavailable;
  return enough
    ? condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    : condition("Available", "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.");
}

function progressingOf(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  counts: DeploymentStatus,
  now: number,
): DeploymentCondition | undefined {
  const before = deployment.status?.conditions?.find(({ type }) => type === "Progressing");
  const deadline = deployment.spec?.progressDeadlineSeconds ?? 600;
  if (current === undefined) return before;
  const set = `ReplicaSet "${current.metadata?.name}"`;
  if (isComplete(deployment, counts))
    return condition("Progressing", "True", "NewReplicaSetAvailable", `${set} has successfully progressed.`);
  const past = deployment.status ?? {};
  const moved =
    counts.updatedReplicas !== (past.updatedReplicas ?? 0) ||
    (counts.readyReplicas ?? 0) > (past.readyReplicas ?? 0) ||
    (counts.availableReplicas ?? 0) > (past.availableReplicas ?? 0) ||
    past.observedGeneration !== counts.observedGeneration;
  if (moved || before === undefined)
    return {
      ...condition("Progressing", "True", "ReplicaSetUpdated", `${set} is progressing.`),
      lastUpdateTime: formatTime(now),
    };
  const since = Date.parse(before.lastUpdateTime ?? "") || now;
  if (deployment.spec?.paused === true || before.reason === "NewReplicaSetAvailable") return before;
  if (since + deadline * 1000 > now) return before;
  return condition("Progressing", "False", "ProgressDeadlineExceeded", `${set} has timed out progressing.`);
}

function condition(type: string, status: string, reason: string, message: string): DeploymentCondition {
  return { type, status, reason, message };
}

/** Keeps the times of a condition that did not change. */
function stamped(deployment: Deployment, next: DeploymentCondition, now: number): DeploymentCondition {
  const before = deployment.status?.conditions?.find(({ type }) => type === next.type);
  const time = formatTime(now);
  const same = before !== undefined && before.status === next.status;
  const updated = next.lastUpdateTime ?? (same && before.reason === next.reason ? before.lastUpdateTime : time) ?? time;
  return { ...next, lastUpdateTime: updated, lastTransitionTime: (same ? before.lastTransitionTime : time) ?? time };
}
