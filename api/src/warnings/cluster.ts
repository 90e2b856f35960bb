import type { Node, ResourceQuota, ServiceAccount } from "../../generated/types/core-v1.ts";
import type { RuntimeClass } from "../../generated/types/node-v1.ts";
import type { Unstructured } from "../object.ts";
import { compareQuantities, parseQuantity } from "../quantity.ts";
import { element, listOf, member, valueAt } from "../validation/check.ts";
import { networkWarnings } from "./addresses.ts";
import { OLD_NODE_LABELS } from "./node-labels.ts";

export function nodeWarnings({ spec }: Node): string[] {
  const warnings: string[] = [];
  if (spec?.configSource) warnings.push("spec.configSource: the feature is removed");
  if ((spec?.externalID ?? "") !== "")
    warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes");
  for (const [index, range] of (spec?.podCIDRs ?? []).entries())
    warnings.push(...networkWarnings(range, `spec.podCIDRs[${index}]`));
  return warnings;
}

/** Of requests that are limited above the limits. */
export function quotaWarnings({ spec }: ResourceQuota): string[] {
  const hard = spec?.hard ?? {};
  return ["cpu", "memory", "storage", "ephemeral-storage"].flatMap((resource) => {
    const isShort = hard[`requests.${resource}`] === undefined && (resource === "cpu" || resource === "memory");
    const request = isShort ? resource : `requests.${resource}`;
    const limit = `limits.${resource}`;
    const [asked, most] = [hard[request], hard[limit]];
    if (asked === undefined || most === undefined) return [];
    if (compareQuantities(parseQuantity(asked), parseQuantity(most)) <= 0) return [];
    return [`ResourceQuota ${request} (${asked}) should be less than ${limit} (${most})`];
  });
}

const MOUNTABLE = "kubernetes.io/enforce-mountable-secrets";

export function serviceAccountWarnings({ metadata }: ServiceAccount, old: ServiceAccount | undefined): string[] {
  const isNew = old?.metadata?.annotations?.[MOUNTABLE] === undefined;
  if (!isNew || metadata?.annotations?.[MOUNTABLE] === undefined) return [];
  return [
    `metadata.annotations[${MOUNTABLE}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
  ];
}

export function runtimeClassWarnings({ scheduling }: RuntimeClass): string[] {
  return Object.keys(scheduling?.nodeSelector ?? {}).flatMap((label) =>
    OLD_NODE_LABELS[label] === undefined ? [] : [`scheduling.nodeSelector: ${OLD_NODE_LABELS[label]}`],
  );
}

export function resourceSliceWarnings(slice: Unstructured): string[] {
  const driver = String(valueAt(slice, "spec.driver") ?? "");
  if (driver === driver.toLowerCase()) return [];
  return [`spec.driver: driver names should be lowercase; ${JSON.stringify(driver)} contains uppercase characters`];
}

/** Requests that no webhook sees: they tell who somebody is and what they may. */
const UNSEEN: ReadonlySet<string> = new Set([
  "selfsubjectreviews.authentication.k8s.io",
  "tokenreviews.authentication.k8s.io",
  "localsubjectaccessreviews.authorization.k8s.io",
  "selfsubjectaccessreviews.authorization.k8s.io",
  "selfsubjectrulesreviews.authorization.k8s.io",
  "subjectaccessreviews.authorization.k8s.io",
]);

export function webhookWarnings(configuration: Unstructured): string[] {
  return listOf(member(configuration, "webhooks")).flatMap((webhook, index) =>
    listOf(member(webhook, "rules")).flatMap((rule, place) => {
      const at = `${element("webhooks", index)}.${element("rules", place)}`;
      return unseenBy(rule).map(
        (name) => `${at}: ${name} is excluded from admission webhooks; this rule will have no effect`,
      );
    }),
  );
}

function unseenBy(rule: unknown): readonly string[] {
  const [groups, resources] = [listOf(member(rule, "apiGroups")), listOf(member(rule, "resources"))];
  if (groups.includes("*") || resources.includes("*")) return [];
  const named = groups.flatMap((group) => resources.map((resource) => `${String(resource)}.${String(group)}`));
  return [...new Set(named)].filter((name) => UNSEEN.has(name));
}

/** Of names that an update cannot have, since only files of the server may. */
export function staticNameWarnings({ metadata }: Unstructured): string[] {
  if (!(metadata?.name ?? "").endsWith(".static.k8s.io")) return [];
  return [
    'metadata.name: names ending with ".static.k8s.io" are reserved for static manifest-based configurations and cannot be managed via the API',
  ];
}
