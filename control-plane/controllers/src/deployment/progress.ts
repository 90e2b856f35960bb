import type { Deployment, DeploymentStatus } from "@tsukube/api/types/apps-v1";
import {
  type Conditions,
  conditionOf,
  type Finding,
  withCondition,
  withoutCondition,
  withRenewed,
} from "./conditions.ts";
import { type Counts, countsOf, isComplete, type Rollout, withAvailability, withFailures } from "./status.ts";

const TYPE = "Progressing";
const DONE = "NewReplicaSetAvailable";
const TIMED_OUT = "ProgressDeadlineExceeded";
const PAUSED = "DeploymentPaused";
/** Stands for no deadline. */
const NEVER = 2 ** 31 - 1;

/** What happened to the set of the present template in this reconciliation. */
export type SetEvent = "created" | "found" | undefined;

/** Pure: the status of a rollout that goes on. `event`: how its set came to be. */
export function rolloutStatusOf(rollout: Rollout, now: number, event?: SetEvent): DeploymentStatus {
  const counts = countsOf(rollout);
  const available = withAvailability(presentConditions(rollout, now), rollout, counts, now);
  const progressed = withProgress(withSetEvent(available, rollout, event, now), rollout, counts, now);
  return whole(rollout, counts, withFailures(progressed, rollout, now));
}

/** Pure: the status of a deployment that is paused, only resized or on its way out: whether it gets on is not judged. */
export function restingStatusOf(rollout: Rollout, now: number): DeploymentStatus {
  const counts = countsOf(rollout);
  return whole(rollout, counts, withAvailability(presentConditions(rollout, now), rollout, counts, now));
}

/** When the rollout will have taken too long, in ms from now; undefined when it is done or has no deadline. */
export function deadlineOf(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const condition = conditionOf(status.conditions ?? [], TYPE);
  if (!hasDeadline(deployment) || condition === undefined) return undefined;
  if (condition.reason === DONE || condition.reason === TIMED_OUT) return undefined;
  return Math.max(1000, untilDeadline(deployment, condition.lastUpdateTime, now) + 1000);
}

/** Conditions as they are, but for what the spec alone decides. */
function presentConditions({ deployment }: Rollout, now: number): Conditions {
  const conditions = deployment.status?.conditions ?? [];
  if (!hasDeadline(deployment)) return withoutCondition(conditions, TYPE);
  const reason = conditionOf(conditions, TYPE)?.reason;
  if (reason === TIMED_OUT) return conditions;
  if (deployment.spec?.paused === true)
    return withCondition(conditions, finding("Unknown", PAUSED, "Deployment is paused"), now);
  if (reason !== PAUSED) return conditions;
  return withCondition(conditions, finding("Unknown", "DeploymentResumed", "Deployment is resumed"), now);
}

function withSetEvent(conditions: Conditions, rollout: Rollout, event: SetEvent, now: number): Conditions {
  const name = rollout.current?.metadata?.name;
  if (!hasDeadline(rollout.deployment) || name === undefined) return conditions;
  if (event === "created")
    return withCondition(conditions, finding("True", "NewReplicaSetCreated", `Created new replica set "${name}"`), now);
  if (conditionOf(conditions, TYPE) !== undefined) return conditions;
  return withCondition(conditions, finding("True", "FoundNewReplicaSet", `Found new replica set "${name}"`), now);
}

function withProgress(conditions: Conditions, rollout: Rollout, counts: Counts, now: number): Conditions {
  const { deployment, current } = rollout;
  const condition = conditionOf(conditions, TYPE);
  if (!hasDeadline(deployment)) return conditions;
  if (condition?.reason === DONE && counts.replicas === counts.updatedReplicas) return conditions; // pods that restart
  const what =
    current === undefined ? `Deployment "${deployment.metadata?.name}"` : `ReplicaSet "${current.metadata?.name}"`;
  if (isComplete(deployment, counts))
    return withCondition(conditions, finding("True", DONE, `${what} has successfully progressed.`), now);
  if (hasMoved(deployment.status, counts))
    return withRenewed(conditions, finding("True", "ReplicaSetUpdated", `${what} is progressing.`), now);
  if (condition === undefined || condition.reason === DONE || condition.reason === TIMED_OUT) return conditions;
  if (untilDeadline(deployment, condition.lastUpdateTime, now) > 0) return conditions;
  return withCondition(conditions, finding("False", TIMED_OUT, `${what} has timed out progressing.`), now);
}

/** More new pods, fewer old ones, more that are ready or available. */
function hasMoved(before: DeploymentStatus | undefined, counts: Counts): boolean {
  const { replicas = 0, updatedReplicas = 0, readyReplicas = 0, availableReplicas = 0 } = before ?? {};
  return (
    (counts.updatedReplicas ?? 0) > updatedReplicas ||
    (counts.replicas ?? 0) - (counts.updatedReplicas ?? 0) < replicas - updatedReplicas ||
    (counts.readyReplicas ?? 0) > readyReplicas ||
    (counts.availableReplicas ?? 0) > availableReplicas
  );
}

function hasDeadline(deployment: Deployment): boolean {
  return (deployment.spec?.progressDeadlineSeconds ?? 600) !== NEVER;
}

/** 0 or less when it has passed. */
function untilDeadline(deployment: Deployment, since: string | undefined, now: number): number {
  const began = Date.parse(since ?? "") || now;
  return began + (deployment.spec?.progressDeadlineSeconds ?? 600) * 1000 - now;
}

function whole({ deployment }: Rollout, counts: Counts, conditions: Conditions): DeploymentStatus {
  const { collisionCount } = deployment.status ?? {};
  return { ...counts, ...(collisionCount === undefined ? {} : { collisionCount }), conditions };
}

function finding(status: Finding["status"], reason: string, message: string): Finding {
  return { type: TYPE, status, reason, message };
}
