import type { StatefulSet, StatefulSetStatus } from "@tsukube/api/types/apps-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { readySince } from "../pods/pod-state.ts";
import { replicasOf } from "./ordinals.ts";
import type { Observed, Plan } from "./plan.ts";
import { isRunningAndAvailable, isRunningAndReady, isTerminating, revisionNameOf } from "./stateful-pod.ts";

/** Pure: the status that the pods give, once the `outdated` ones of the plan were deleted. */
export function statusOf(
  observed: Observed,
  collisions: number,
  { outdated }: Pick<Plan, "outdated">,
): StatefulSetStatus {
  const { set, pods, current, update, now } = observed;
  const minReady = set.spec.minReadySeconds ?? 0;
  const living = pods.filter((pod) => !isTerminating(pod) && !outdated.includes(pod));
  const count = (of: readonly Pod[], matches: (pod: Pod) => boolean): number => of.filter(matches).length;
  const status = {
    observedGeneration: set.metadata?.generation ?? 0,
    replicas: pods.length,
    readyReplicas: count(pods, isRunningAndReady),
    availableReplicas: count(pods, (pod) => isRunningAndAvailable(pod, minReady, now)),
    currentReplicas: count(living, (pod) => revisionNameOf(pod) === current.metadata?.name),
    updatedReplicas: count(living, (pod) => revisionNameOf(pod) === update.metadata?.name),
    currentRevision: current.metadata?.name ?? "",
    updateRevision: update.metadata?.name ?? "",
    collisionCount: collisions,
    ...(set.status?.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
  return isComplete(set, status) ? { ...status, ...completed(status) } : status;
}

/** A rolling update is done when every wanted pod is of the new revision and ready, and there is no other. */
function isComplete(set: StatefulSet, status: StatefulSetStatus): boolean {
  const wanted = replicasOf(set);
  const { replicas, readyReplicas, updatedReplicas } = status;
  const rolling = set.spec.updateStrategy?.type !== "OnDelete";
  return rolling && replicas === wanted && readyReplicas === wanted && updatedReplicas === wanted;
}

function completed(status: StatefulSetStatus): Pick<StatefulSetStatus, "currentReplicas" | "currentRevision"> {
  return { currentReplicas: status.updatedReplicas ?? 0, currentRevision: status.updateRevision ?? "" };
}

/** When time alone will make a pod available, in ms from now; undefined when it will not. */
export function availabilityDue({ set, pods, now }: Observed): number | undefined {
  const minReady = (set.spec.minReadySeconds ?? 0) * 1000;
  const due = pods
    .filter(isRunningAndReady)
    .map((pod) => readySince(pod)! + minReady - now)
    .filter((ms) => ms > 0);
  return due.length === 0 ? undefined : Math.min(...due);
}
