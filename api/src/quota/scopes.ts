import type {
  PersistentVolumeClaim,
  Pod,
  PodAffinityTerm,
  ResourceQuota,
  ScopedResourceSelectorRequirement,
} from "../../generated/types/core-v1.ts";
import type { KubeObject } from "../object.ts";
import { qosClassOf } from "../validation/index.ts";
import { type GroupResource, trackedNames } from "./usage-of.ts";

/** Whether the quota counts anything of this object: it has a name for it, and the object is within its scopes. */
export function isQuotaMatching(quota: ResourceQuota, resource: GroupResource, object: KubeObject): boolean {
  return (
    trackedNames(resource, Object.keys(quota.spec?.hard ?? {})).length > 0 && matchesScopes(quota, resource, object)
  );
}

/** Whether the object is within all scopes of the quota. */
export function matchesScopes(quota: ResourceQuota, resource: GroupResource, object: KubeObject): boolean {
  return scopesOf(quota).every((requirement) => isWithinScope(requirement, resource, object));
}

/** All that the quota asks for, in one form. */
export function scopesOf({ spec }: ResourceQuota): readonly ScopedResourceSelectorRequirement[] {
  const listed = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: "Exists" }));
  return [...listed, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}

/** Scopes are of pods and claims: others are in none. */
export function isWithinScope(
  requirement: ScopedResourceSelectorRequirement,
  { group, resource }: GroupResource,
  object: KubeObject,
): boolean {
  if (group !== "") return false;
  if (resource === "pods") return isPodWithin(requirement, object as Pod);
  if (resource !== "persistentvolumeclaims" || requirement.scopeName !== "VolumeAttributesClass") return false;
  return selects(requirement, attributesClassesOf(object as PersistentVolumeClaim));
}

function isPodWithin(requirement: ScopedResourceSelectorRequirement, pod: Pod): boolean {
  switch (requirement.scopeName) {
    case "Terminating":
      return isTerminating(pod);
    case "NotTerminating":
      return !isTerminating(pod);
    case "BestEffort":
      return isBestEffort(pod);
    case "NotBestEffort":
      return !isBestEffort(pod);
    case "PriorityClass":
      return selects(
        requirement,
        [pod.spec?.priorityClassName ?? ""].filter((name) => name !== ""),
      );
    case "CrossNamespacePodAffinity":
      return affinityTermsOf(pod).some((term) => (term.namespaces ?? []).length > 0 || isSet(term.namespaceSelector));
    default:
      return false;
  }
}

function selects({ operator, values = [] }: ScopedResourceSelectorRequirement, names: readonly string[]): boolean {
  const isListed = names.some((name) => values.includes(name));
  switch (operator) {
    case "Exists":
      return names.length > 0;
    case "DoesNotExist":
      return names.length === 0;
    case "In":
      return isListed;
    case "NotIn":
      return !isListed;
    default:
      return false;
  }
}

/** It ends by itself: not to be mistaken for one that is being deleted. */
function isTerminating(pod: Pod): boolean {
  return (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
}

function isBestEffort(pod: Pod): boolean {
  return (pod.status?.qosClass ?? qosClassOf(pod.spec)) === "BestEffort";
}

function affinityTermsOf(pod: Pod): readonly PodAffinityTerm[] {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  return [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
}

/** The class that is asked for, that is in effect and that is being changed to. */
function attributesClassesOf({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const { modifyVolumeStatus, currentVolumeAttributesClassName } = status ?? {};
  const names = [
    spec?.volumeAttributesClassName,
    currentVolumeAttributesClassName,
    modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return names.filter((name) => name !== undefined && name !== "") as readonly string[];
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== null;
}
