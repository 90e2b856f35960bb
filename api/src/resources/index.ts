import { RESOURCES } from "../../generated/resources.ts";
import { allResources } from "../kinds.ts";
import type { GroupVersionKind, GroupVersionResource } from "../schema.ts";
import type { Lifetime, Resource } from "./resource.ts";
import { GENERIC, type Strategy } from "./strategy.ts";

const byName = new Map(RESOURCES.map((resource) => [`${resource.group}/${resource.resource}`, resource]));
let byKind: ReadonlyMap<string, Resource> | undefined;

/** What sets a built-in resource apart, whatever its version; undefined when there is no such resource. */
export function builtinResource(group: string, resource: string): Resource | undefined {
  return byName.get(`${group}/${resource}`);
}

/** The resource that keeps objects of a kind, or answers them. */
export function resourceOfKind({ group, kind }: Omit<GroupVersionKind, "version">): Resource | undefined {
  byKind ??= kinds();
  return byKind.get(`${group}/${kind}`);
}

/** The behaviour of a built-in resource in one version. @param status It has a status subresource. */
export function strategyOf({ group, version, resource }: GroupVersionResource, status: boolean): Strategy {
  const { versions, ...own } = builtinResource(group, resource) ?? {};
  return { ...GENERIC, status, ...own, ...versions?.[version] };
}

/** Of a version that is on its way out; undefined: it is not. */
export function lifetimeOf({ group, version, resource }: GroupVersionResource): Lifetime | undefined {
  return builtinResource(group, resource)?.versions?.[version]?.lifetime;
}

function kinds(): ReadonlyMap<string, Resource> {
  const found = new Map<string, Resource>();
  for (const { group, resource, kind } of allResources()) {
    const own = builtinResource(group, resource);
    if (own !== undefined) found.set(`${group}/${kind}`, own);
  }
  return found;
}
