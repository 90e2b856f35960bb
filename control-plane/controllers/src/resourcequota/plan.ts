import {
  addUsage,
  isSameUsage,
  type KubeObject,
  maskUsage,
  matchesScopes,
  trackedNames,
  type Usage,
  usageFrom,
  usageOf,
  usageText,
  ZERO,
} from "@tsukube/api";
import type { ResourceQuota, ResourceQuotaStatus } from "@tsukube/api/types/core-v1";

/** All objects of one resource in the quota's namespace. */
export interface Holding {
  readonly resource: { readonly group: string; readonly resource: string };
  readonly objects: readonly KubeObject[];
}

/**
 * Pure: the status that the quota should have, undefined when it has it. What no holding is about (a kind that is not served
 * any more) keeps the usage that it had.
 */
export function plan(quota: ResourceQuota, holdings: readonly Holding[], now: number): ResourceQuotaStatus | undefined {
  const hard = usageFrom(quota.spec?.hard);
  const before = usageFrom(quota.status?.used);
  const counted = holdings.map((holding) => usageWithin(quota, holding, now)).reduce(addUsage, new Map());
  const used = maskUsage(new Map([...before, ...counted]), hard.keys());
  const isSeen = quota.status?.hard !== undefined && isSameUsage(hard, usageFrom(quota.status.hard));
  if (isSeen && isSameUsage(used, before)) return undefined;
  return { hard: usageText(hard), used: usageText(used) };
}

/** Pure: whether less is used by `next` than the quota says. */
export function givesBack(quota: ResourceQuota, next: ResourceQuotaStatus): boolean {
  const used = usageFrom(next.used);
  return [...usageFrom(quota.status?.used)].some(([name, { nanos }]) => nanos > (used.get(name) ?? ZERO).nanos);
}

/** What is counted and not there is zero, which differs from not counted. */
function usageWithin(quota: ResourceQuota, { resource, objects }: Holding, now: number): Usage {
  const names = trackedNames(resource, Object.keys(quota.spec?.hard ?? {}));
  const zero: Usage = new Map(names.map((name) => [name, ZERO]));
  return objects
    .filter((object) => matchesScopes(quota, resource, object))
    .map((object) => maskUsage(usageOf(resource, object, now), names))
    .reduce(addUsage, zero);
}
