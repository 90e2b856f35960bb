import type { Deployment, DeploymentStatus, ReplicaSet } from "@tsukube/api/types/apps-v1";
import { type Conditions, type Finding, withCondition } from "./conditions.ts";
import { availableOf, limitsOf, specOf, sum } from "./plan.ts";

/** A deployment and its sets: `current` has the deployment's present template. */
export interface Rollout {
  readonly deployment: Deployment;
  readonly current: ReplicaSet | undefined;
  readonly old: readonly ReplicaSet[];
}

/** The counts of a status. */
export type Counts = Omit<DeploymentStatus, "conditions" | "collisionCount">;

/** All sets, that of the present template first. */
function setsOf({ current, old }: Rollout): readonly ReplicaSet[] {
  return current === undefined ? old : [current, ...old];
}

/** Pure: the numbers that the sets give. */
export function countsOf(rollout: Rollout): Counts {
  const all = setsOf(rollout);
  const available = sum(all, availableOf);
  const terminating = terminatingOf(all);
  return {
    observedGeneration: rollout.deployment.metadata?.generation ?? 0,
    replicas: sum(all, (set) => set.status?.replicas ?? 0),
    updatedReplicas: rollout.current?.status?.replicas ?? 0,
    readyReplicas: sum(all, (set) => set.status?.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum(all, specOf) - available),
    ...(terminating === undefined ? {} : { terminatingReplicas: terminating }),
  };
}

/** Unknown while a set does not tell. */
function terminatingOf(sets: readonly ReplicaSet[]): number | undefined {
  const seen = sets.filter(({ status }) => (status?.observedGeneration ?? 0) > 0);
  if (seen.some(({ status }) => status?.terminatingReplicas === undefined)) return undefined;
  return sum(seen, (set) => set.status?.terminatingReplicas ?? 0);
}

/** The rollout is done: all replicas are new and available. */
export function isComplete(deployment: Deployment, counts: Counts): boolean {
  const wanted = deployment.spec?.replicas ?? 1;
  return counts.updatedReplicas === wanted && counts.replicas === wanted && counts.availableReplicas === wanted;
}

/** The conditions with whether enough pods are available. */
export function withAvailability(conditions: Conditions, rollout: Rollout, counts: Counts, now: number): Conditions {
  const { deployment } = rollout;
  const least = (deployment.spec?.replicas ?? 1) - limitsOf(deployment).unavailable;
  return withCondition(conditions, (counts.availableReplicas ?? 0) >= least ? ENOUGH : TOO_FEW, now);
}

const ENOUGH: Finding = {
  type: "Available",
  status: "True",
  reason: "MinimumReplicasAvailable",
  message: "Deployment has minimum availability.",
};
const TOO_FEW: Finding = {
  type: "Available",
  status: "False",
  reason: "MinimumReplicasUnavailable",
  message: "Deployment does not have minimum availability.",
};

/** The conditions with the failure of a set to make its pods; that of the present template's set tells most. */
export function withFailures(conditions: Conditions, { current, old }: Rollout, now: number): Conditions {
  const failureOf = (set: ReplicaSet | undefined) =>
    set?.status?.conditions?.find(({ type, status }) => type === "ReplicaFailure" && status === "True");
  const failure = failureOf(current) ?? old.map(failureOf).find((found) => found !== undefined);
  if (failure === undefined) return conditions.filter(({ type }) => type !== "ReplicaFailure");
  const { reason = "", message = "" } = failure;
  return withCondition(conditions, { type: "ReplicaFailure", status: "True", reason, message }, now);
}
