import type { Pod, PodCondition } from "@tsukube/api/types/core-v1";

/** What a strategic merge patch of the status says to give a pod this condition: in its place, or behind those that the pod has. */
export function conditionPatch({ metadata, status }: Pod, condition: PodCondition): object {
  const types = new Set([...(status?.conditions ?? []).map(({ type }) => type), condition.type]);
  const { generation: observedGeneration } = metadata ?? {};
  return {
    "$setElementOrder/conditions": [...types].map((type) => ({ type })),
    conditions: [{ ...condition, ...(observedGeneration !== undefined && { observedGeneration }) }],
  };
}
