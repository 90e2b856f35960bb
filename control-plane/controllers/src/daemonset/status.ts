import type { DaemonSetStatus } from "@tsukube/api/types/apps-v1";
import { readySince } from "../pods/pod-state.ts";
import { censusOf, isAvailableFor, isReady, type Observed } from "./census.ts";
import { isUpdated } from "./daemon-pod.ts";

/**
 * Pure: the status that nodes and pods give. Of several pods on a node the one that was there first counts.
 * @param settled The pods are those that the set's present spec led to, as far as known.
 */
export function statusOf(observed: Observed, collisions: number, settled: boolean): DaemonSetStatus {
  const { set, hash } = observed;
  const census = censusOf(observed);
  const wanted = census.filter(({ fit }) => fit === "run");
  const pods = wanted.flatMap((node) => node.pods[0] ?? []);
  const available = pods.filter((pod) => isReady(pod) && isAvailableFor(observed, pod)).length;
  const { conditions, observedGeneration = 0 } = set.status ?? {};
  return {
    currentNumberScheduled: pods.length,
    numberMisscheduled: census.filter(({ fit, pods }) => (fit === "keep" || fit === "leave") && pods.length > 0).length,
    desiredNumberScheduled: wanted.length,
    numberReady: pods.filter(isReady).length,
    observedGeneration: settled ? (set.metadata?.generation ?? 0) : observedGeneration,
    updatedNumberScheduled: pods.filter((pod) => isUpdated(pod, hash)).length,
    numberAvailable: available,
    numberUnavailable: wanted.length - available,
    ...(collisions === 0 ? {} : { collisionCount: collisions }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}

/** When time alone will make a pod available, in ms from now; undefined when it will not. */
export function availabilityDue({ set, pods, now }: Pick<Observed, "set" | "pods" | "now">): number | undefined {
  const minReady = (set.spec.minReadySeconds ?? 0) * 1000;
  const due = pods.map((pod) => (readySince(pod) ?? 0) + minReady - now).filter((ms) => ms > 0);
  return due.length === 0 ? undefined : Math.min(...due);
}

/** What an absent field of a status means. */
export function withZeros(status: DaemonSetStatus | undefined): DaemonSetStatus {
  const zeros: Partial<Record<keyof DaemonSetStatus, number>> = {
    observedGeneration: 0,
    updatedNumberScheduled: 0,
    numberAvailable: 0,
    numberUnavailable: 0,
  };
  const required = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 };
  return { ...required, ...zeros, ...status } as DaemonSetStatus;
}
