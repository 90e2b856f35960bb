import type { Pod, PodCondition, PodStatus } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";

/** What clients leave out that know nothing of it: it stays as it was. */
const KEPT = [
  "resourceClaimStatuses",
  "extendedResourceClaimStatus",
  "nodeAllocatableResourceClaimStatuses",
] as const satisfies readonly (keyof PodStatus)[];

/** The status of a pod that somebody writes, with what it holds in any case. @param emptied Where empty lists were sent. */
export function preparedPodStatus(
  next: Unstructured,
  old: Unstructured,
  _now = 0,
  emptied: readonly (readonly string[])[] = [],
): Unstructured {
  const [status, before] = [(next as Pod).status ?? {}, (old as Pod).status ?? {}];
  const cleared = new Set(emptied.map((path) => path.join(".")));
  const kept = KEPT.filter((name) => before[name] != null && status[name] == null && !cleared.has(`status.${name}`));
  const prepared: PodStatus = {
    ...status,
    ...withFirstAddress(status),
    ...(!status.qosClass && before.qosClass && { qosClass: before.qosClass }),
    ...Object.fromEntries(kept.map((name) => [name, before[name]])),
    ...(!status.observedGeneration && before.observedGeneration && { observedGeneration: before.observedGeneration }),
    ...(status.conditions && { conditions: withGenerations(status.conditions, before.conditions ?? []) }),
  };
  return { ...next, metadata: withKeptMetadata(old, next), status: prepared } as Unstructured;
}

/** Kubelets of old spoil the owners of pods, and nobody deletes one by its status. */
function withKeptMetadata(old: Unstructured, next: Unstructured): Unstructured["metadata"] {
  const { ownerReferences: _owners, deletionTimestamp: _deletion, ...metadata } = next.metadata ?? {};
  const { ownerReferences, deletionTimestamp } = old.metadata ?? {};
  return {
    ...metadata,
    ...(ownerReferences !== undefined && { ownerReferences }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  };
}

/** The first of the addresses also stands alone. */
function withFirstAddress({ podIP = "", podIPs }: PodStatus): Pick<PodStatus, "podIP" | "podIPs"> {
  const given = podIPs ?? [];
  const all =
    given.length > 0 && (podIP === "" || given[0]?.ip === podIP) ? given : podIP === "" ? [] : [{ ip: podIP }];
  return all.length === 0 ? {} : { podIP: all[0]?.ip ?? "", podIPs: all };
}

/** Conditions that say no generation keep theirs; of several of one type each that of its turn. */
function withGenerations(
  conditions: readonly PodCondition[],
  before: readonly PodCondition[],
): readonly PodCondition[] {
  const left = [...before];
  return conditions.map((condition) => {
    const index = left.findIndex(({ type }) => type === condition.type);
    const [former] = index < 0 ? [] : left.splice(index, 1);
    const observedGeneration = condition.observedGeneration || former?.observedGeneration;
    return { ...condition, ...(observedGeneration && { observedGeneration }) };
  });
}
