import { scaledValue } from "@tsukube/api";
import type { ControllerRevision, StatefulSet } from "@tsukube/api/types/apps-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import { firstOrdinal, isWanted, ordinalOf, podNameOf, replicasOf, wantedOrdinals } from "./ordinals.ts";
import { isFinished, isRunningAndAvailable, isTerminating, revisionNameOf, statefulPodOf } from "./stateful-pod.ts";

export interface Observed {
  readonly set: StatefulSet;
  /** All pods that the set controls. */
  readonly pods: readonly Pod[];
  /** The revision that the set comes from, and the one that it goes to. */
  readonly current: ControllerRevision;
  readonly update: ControllerRevision;
  readonly now: number;
  /** Whether a new pod of this name has to wait until claims of its predecessor are collected. */
  isBlocked(podName: string): boolean;
}

export interface Plan {
  /** Pods to make, in this order. */
  readonly create: readonly Pod[];
  /** Pods to delete, in this order. */
  readonly remove: readonly Pod[];
  /** Those of `remove` that go because of their revision. */
  readonly outdated: readonly Pod[];
  /** Pods whose labels and claims are to be as they should, before anything else. */
  readonly tend: readonly Pod[];
}

interface Draft {
  readonly create: Pod[];
  readonly remove: Pod[];
  readonly outdated: Pod[];
  readonly tend: Pod[];
}

/**
 * Pure: the next step of a set. Missing and finished pods first, then those beyond the wanted number, then those of former
 * revisions. With OrderedReady a step waits until all before it is done and available; with Parallel only updates wait.
 */
export function plan(observed: Observed): Plan {
  const draft: Draft = { create: [], remove: [], outdated: [], tend: [] };
  if (observed.set.metadata?.deletionTimestamp !== undefined) return draft;
  const ordered = observed.set.spec.podManagementPolicy !== "Parallel";
  const steps = [planReplicas, planCondemned, planUpdate];
  for (const step of steps) if (step(observed, draft, ordered) === "wait") break;
  return draft;
}

type Step = "go on" | "wait";

/** Makes missing pods and replaces finished ones, lowest ordinal first. */
function planReplicas(observed: Observed, draft: Draft, ordered: boolean): Step {
  for (const ordinal of wantedOrdinals(observed.set)) {
    const step = planReplica(observed, ordinal, draft, ordered);
    if (step === "wait" && ordered) return "wait";
  }
  return "go on";
}

function planReplica(observed: Observed, ordinal: number, draft: Draft, ordered: boolean): Step {
  const { set, now } = observed;
  const pod = podAt(observed, ordinal);
  if (pod === undefined) {
    if (!observed.isBlocked(podNameOf(set, ordinal)))
      draft.create.push(statefulPodOf(set, ordinal, revisionFor(observed, ordinal)));
    return "wait";
  }
  if (isFinished(pod)) {
    if (!isTerminating(pod)) draft.remove.push(pod);
    return "wait";
  }
  const waits = isTerminating(pod) || !isRunningAndAvailable(pod, set.spec.minReadySeconds ?? 0, now);
  // a pending pod may wait for a claim that somebody deleted
  if (!waits || !ordered || pod.status?.phase === "Pending") draft.tend.push(pod);
  return waits ? "wait" : "go on";
}

/** Removes what is beyond the wanted number, highest ordinal first. */
function planCondemned(observed: Observed, draft: Draft, ordered: boolean): Step {
  const { set, pods, now } = observed;
  const beyond = pods.filter((pod) => !isWanted(set, ordinalOf(set, pod) ?? firstOrdinal(set)));
  const condemned = beyond.sort((a, b) => ordinalOf(set, b)! - ordinalOf(set, a)!);
  const unavailable = (pod: Pod): boolean =>
    isTerminating(pod) || !isRunningAndAvailable(pod, set.spec.minReadySeconds ?? 0, now);
  const lowestUnavailable = condemned.findLast(unavailable);
  draft.tend.push(...condemned);
  for (const pod of condemned) {
    const waits = isTerminating(pod) || (unavailable(pod) && pod !== lowestUnavailable);
    if (ordered && waits) return "wait";
    if (!isTerminating(pod)) draft.remove.push(pod);
    if (ordered) return "wait";
  }
  return "go on";
}

/** Removes pods of former revisions down to the partition, highest ordinal first, as far as enough stay available. */
function planUpdate(observed: Observed, draft: Draft, ordered: boolean): Step {
  const { set, update, now } = observed;
  if (set.spec.updateStrategy?.type === "OnDelete") return "go on";
  const ordinals = wantedOrdinals(set);
  const available = (pod: Pod | undefined): boolean =>
    pod !== undefined && !isTerminating(pod) && isRunningAndAvailable(pod, set.spec.minReadySeconds ?? 0, now);
  const unavailable = ordinals.filter((ordinal) => !available(podAt(observed, ordinal))).length;
  const candidates = ordinals
    .slice(partitionOf(set))
    .reverse()
    .flatMap((ordinal) => podAt(observed, ordinal) ?? [])
    .filter(
      (pod) => revisionNameOf(pod) !== update.metadata?.name && !isTerminating(pod) && !draft.remove.includes(pod),
    );
  const budget = Math.max(0, maxUnavailableOf(set) - unavailable);
  // with Parallel those that are down anyway cost nothing: so a broken revision is left behind
  const broken = ordered ? [] : candidates.filter((pod) => !available(pod));
  const outdated = [...broken, ...candidates.filter((pod) => !broken.includes(pod)).slice(0, budget)];
  draft.outdated.push(...outdated);
  draft.remove.push(...outdated);
  return "go on";
}

/** Pods below the partition come back as they were. */
function revisionFor({ set, current, update }: Observed, ordinal: number): ControllerRevision {
  const stays = set.spec.updateStrategy?.type !== "OnDelete" && ordinal < firstOrdinal(set) + partitionOf(set);
  return stays ? current : update;
}

function partitionOf(set: StatefulSet): number {
  return set.spec.updateStrategy?.rollingUpdate?.partition ?? 0;
}

/** How many pods an update may have unavailable at once; at least 1. */
function maxUnavailableOf(set: StatefulSet): number {
  const value = set.spec.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1;
  return Math.max(1, scaledValue(value, replicasOf(set), false));
}

function podAt({ set, pods }: Observed, ordinal: number): Pod | undefined {
  const name = podNameOf(set, ordinal);
  return pods.find(({ metadata }) => metadata?.name === name);
}
