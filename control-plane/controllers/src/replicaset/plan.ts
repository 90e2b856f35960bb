import type { Pod } from "@tsukube/api/types/core-v1";
import { inDeletionOrder } from "../pods/deletion-order.ts";
import { isActive, isAvailable, isTerminating, readySince } from "../pods/pod-state.ts";
import type { Replicated, ReplicatedStatus } from "./replicated.ts";

/** Upstream's limit of writes in one reconciliation. */
const BURST = 500;

export interface Plan {
  readonly create: number;
  readonly remove: readonly Pod[];
}

/** Pure: which pods to make or remove so that `spec.replicas` are active. `pods` are those that the owner controls. */
export function plan(owner: Replicated, pods: readonly Pod[], now: number): Plan {
  const active = pods.filter(isActive);
  const excess = active.length - (owner.spec?.replicas ?? 1);
  if (excess <= 0) return { create: Math.min(-excess, BURST), remove: [] };
  return { create: 0, remove: inDeletionOrder(active, now).slice(0, Math.min(excess, BURST)) };
}

/** Pure: the status that `pods` give, and when time alone will change it (ms from now). @param tellsTerminating As of the kind. */
export function statusOf(
  owner: Replicated,
  pods: readonly Pod[],
  now: number,
  tellsTerminating = false,
): { readonly status: ReplicatedStatus; readonly changesInMs: number | undefined } {
  const active = pods.filter(isActive);
  const minReady = owner.spec?.minReadySeconds ?? 0;
  const wanted = Object.entries(owner.spec?.template?.metadata?.labels ?? {});
  const ready = active.filter((pod) => readySince(pod) !== undefined);
  const waiting = ready.filter((pod) => !isAvailable(pod, minReady, now));
  const due = waiting.map((pod) => readySince(pod)! + minReady * 1000 - now);
  const conditions = owner.status?.conditions;
  return {
    status: {
      replicas: active.length,
      fullyLabeledReplicas: active.filter(({ metadata }) => wanted.every(([k, v]) => metadata?.labels?.[k] === v))
        .length,
      readyReplicas: ready.length,
      availableReplicas: ready.length - waiting.length,
      ...(tellsTerminating && { terminatingReplicas: pods.filter(isTerminating).length }),
      observedGeneration: owner.metadata?.generation ?? 0,
      ...(conditions === undefined ? {} : { conditions }),
    },
    changesInMs: due.length === 0 ? undefined : Math.max(1, Math.min(...due)),
  };
}
