import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from "../../../generated/types/apiextensions-v1.ts";

/** What a condition says, but for the time. */
export type ConditionOfDefinition = Pick<CustomResourceDefinitionCondition, "type" | "status" | "reason" | "message">;

/** The definition with the condition in its place or at the end; the time is that of the last change of its status. */
export function withCondition(
  crd: CustomResourceDefinition,
  condition: ConditionOfDefinition,
  now: string,
): CustomResourceDefinition {
  const conditions = crd.status?.conditions ?? [];
  const old = conditions.find(({ type }) => type === condition.type);
  const lastTransitionTime = old?.status === condition.status ? (old?.lastTransitionTime ?? now) : now;
  const next = orderly({ ...old, ...condition, lastTransitionTime });
  const all = old === undefined ? [...conditions, next] : conditions.map((one) => (one === old ? next : one));
  return { ...crd, status: { ...crd.status, conditions: all } as NonNullable<CustomResourceDefinition["status"]> };
}

function orderly({ type, status, ...rest }: CustomResourceDefinitionCondition): CustomResourceDefinitionCondition {
  const { lastTransitionTime, reason, message, ...more } = rest;
  return { type, status, lastTransitionTime, reason, message, ...more } as CustomResourceDefinitionCondition;
}

/** Whether the condition is there and true. */
export function isTrueOf(crd: CustomResourceDefinition, type: string): boolean {
  return crd.status?.conditions?.some((condition) => condition.type === type && condition.status === "True") === true;
}
