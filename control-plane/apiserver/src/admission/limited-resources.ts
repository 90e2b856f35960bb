import {
  isWithinScope,
  matchesScopes,
  scopesOf,
  subtractUsage,
  trackedNames,
  type Unstructured,
  type Usage,
  usageFrom,
  usageOf,
} from "@tsukube/api";
import type { ResourceQuota, ScopedResourceSelectorRequirement } from "@tsukube/api/types/core-v1";
import { type FieldReader, within } from "../configuration/field-reader.ts";
import type { AdmissionAttributes } from "../contracts.ts";

/** What nobody may use of unless a quota of the namespace covers it: amounts by parts of their names, and pods by scopes. */
export interface LimitedResource {
  readonly group: string;
  readonly resource: string;
  readonly matchContains: readonly string[];
  readonly matchScopes: readonly ScopedResourceSelectorRequirement[];
}

const KIND = "ResourceQuotaConfiguration";
const VERSION = "apiserver.config.k8s.io/v1";
const OLD_VERSIONS = ["v1beta1", "v1alpha1"].map((version) => `resourcequota.admission.k8s.io/${version}`);

/** Reads apiserver.config.k8s.io/v1, or the versions before it. */
export function readLimitedResources(reader: FieldReader, at: string, raw: unknown): readonly LimitedResource[] {
  const { kind, apiVersion } = reader.members(at, raw);
  const isOld = OLD_VERSIONS.some((version) => version === apiVersion);
  if (!isOld || kind !== "Configuration") reader.isOf(at, raw, KIND, [VERSION]);
  const { limitedResources } = reader.fields(at, raw, ["kind", "apiVersion", "limitedResources"]);
  return reader.list(within(at, "limitedResources"), limitedResources, (path, one) => {
    const given = reader.fields(path, one, ["apiGroup", "resource", "matchContains", "matchScopes"]);
    const text = (place: string, value: unknown): string => reader.text(place, value);
    return {
      group: reader.text(`${path}.apiGroup`, given["apiGroup"] ?? ""),
      resource: reader.needed(`${path}.resource`, given["resource"]),
      matchContains: reader.list(`${path}.matchContains`, given["matchContains"], text),
      matchScopes: reader.list(`${path}.matchScopes`, given["matchScopes"], (place, scope) => {
        const { scopeName, operator, values } = reader.fields(place, scope, ["scopeName", "operator", "values"]);
        return {
          scopeName: reader.needed(`${place}.scopeName`, scopeName),
          operator: reader.needed(`${place}.operator`, operator),
          values: reader.list(`${place}.values`, values, text),
        };
      }),
    };
  });
}

/** Pure: why the request may not be, which uses of what is limited without a quota that covers it. */
export function uncoveredText(
  limited: readonly LimitedResource[],
  attributes: AdmissionAttributes,
  quotas: readonly ResourceQuota[],
  now: number,
): { readonly names: string } | { readonly scopes: string } | undefined {
  const { resource, object } = attributes;
  if (limited.length === 0 || object === undefined) return undefined;
  const matching = quotas
    .map((quota) => ({ quota, names: trackedNames(resource, usageFrom(quota.status?.hard).keys()) }))
    .filter(({ quota, names }) => names.length > 0 && matchesScopes(quota, resource, object));
  if (
    !usesMore(
      attributes,
      matching.map(({ quota }) => quota),
      now,
    )
  )
    return undefined;
  const covered = new Set(matching.flatMap(({ names }) => names));
  const uncovered = limitedNames(limited, attributes, object, now).filter((name) => !covered.has(name));
  if (uncovered.length > 0) return { names: [...new Set(uncovered)].sort().join(",") };
  const isWithin = (scope: ScopedResourceSelectorRequirement): boolean => isWithinScope(scope, resource, object);
  const coveredScopes = new Set(
    quotas
      .flatMap(scopesOf)
      .filter(isWithin)
      .map(({ scopeName }) => scopeName),
  );
  const scopes = limited
    .flatMap(({ matchScopes }) => matchScopes)
    .filter((scope) => isWithin(scope) && !coveredScopes.has(scope.scopeName))
    .map(({ scopeName, operator, values = [] }) => `{${scopeName} ${operator} [${values.join(" ")}]}`);
  return scopes.length === 0 ? undefined : { scopes: `[${scopes.join(" ")}]` };
}

/** Names of amounts that the object uses, and that are limited. */
function limitedNames(
  limited: readonly LimitedResource[],
  { resource }: AdmissionAttributes,
  object: Unstructured,
  now: number,
): readonly string[] {
  const parts = limited
    .filter((one) => one.group === resource.group && one.resource === resource.resource)
    .flatMap(({ matchContains }) => matchContains);
  return positive(usageOf(resource, object, now)).filter((name) => parts.some((part) => name.includes(part)));
}

/** Whether the request is anything to a quota, or without one uses more than before. */
function usesMore(attributes: AdmissionAttributes, quotas: readonly ResourceQuota[], now: number): boolean {
  const { operation, resource, object, oldObject } = attributes;
  if (object === undefined) return false;
  const usage = usageOf(resource, object, now);
  if (operation !== "UPDATE" || oldObject === undefined) return positive(usage).length > 0;
  if (positive(subtractUsage(usage, usageOf(resource, oldObject, now))).length > 0) return true;
  return quotas.some((quota) => !matchesScopes(quota, resource, oldObject)) && positive(usage).length > 0;
}

function positive(usage: Usage): readonly string[] {
  return [...usage].filter(([, { nanos }]) => nanos > 0n).map(([name]) => name);
}
