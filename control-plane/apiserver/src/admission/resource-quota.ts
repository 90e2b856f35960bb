import {
  ApiError,
  addUsage,
  exceededNames,
  maskUsage,
  matchesScopes,
  missingRequirements,
  subtractUsage,
  trackedNames,
  type Unstructured,
  type Usage,
  usageFrom,
  usageOf,
  usageText,
} from "@tsukube/api";
import type { Pod, ResourceQuota } from "@tsukube/api/types/core-v1";
import type { Clock } from "@tsukube/foundation";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore, TryChange } from "../storage/object-store.ts";
import { type LimitedResource, uncoveredText } from "./limited-resources.ts";

const QUOTAS = "/registry/resourcequotas/";

export interface QuotaDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  /** What needs a quota. */
  readonly limited?: readonly LimitedResource[];
}

/**
 * Refuses what does not fit into a quota of its namespace, and charges the quotas for what does, each atomically: two
 * requests never share the last piece. What is charged for a request that fails later, the quota controller gives back.
 */
export function resourceQuota(deps: QuotaDeps): AdmissionPlugin {
  return {
    name: "ResourceQuota",
    handles: (attributes) => attributes.namespace !== "" && isCounted(attributes),
    async validate(attributes) {
      const quotas = [...deps.store.cache.head.range(`${QUOTAS}${attributes.namespace}/`)].map(
        ([, cached]) => cached.object as ResourceQuota & Unstructured,
      );
      const uncovered = uncoveredText(deps.limited ?? [], attributes, quotas, deps.clock.now());
      if (uncovered !== undefined && "names" in uncovered)
        refuse(attributes, `insufficient quota to consume: ${uncovered.names}`);
      if (uncovered !== undefined)
        throw ApiError.unknown(`insufficient quota to match these scopes: ${uncovered.scopes}`);
      const charged = quotas.filter((quota) => afterwards(deps.clock, attributes, quota) !== undefined);
      if (attributes.dryRun) return;
      for (const quota of charged) await charge(deps, attributes, quota.metadata?.name ?? "");
    },
  };
}

/** Writes that can change what an object uses. */
function isCounted({ operation, resource, subresource, object, oldObject }: AdmissionAttributes): boolean {
  const isWrite = operation === "CREATE" || operation === "UPDATE";
  const endsItself = (pod: Unstructured | undefined): boolean =>
    ((pod as Pod | undefined)?.spec?.activeDeadlineSeconds ?? -1) >= 0;
  switch (`${resource.group}/${resource.resource}`) {
    case "/pods":
      if (subresource === "resize") return operation === "UPDATE";
      if (operation === "UPDATE") return subresource === "" && endsItself(object) !== endsItself(oldObject);
      return operation === "CREATE" && subresource === "";
    case "/persistentvolumeclaims":
      return isWrite && (subresource === "" || (subresource === "status" && operation === "UPDATE"));
    case "/services":
    case "resource.k8s.io/resourceclaims":
      return isWrite && subresource === "";
    default:
      return operation === "CREATE" && subresource === "";
  }
}

/** The usage of the quota after the request; undefined: it does not concern it. @throws {ApiError} 403. */
function afterwards(clock: Clock, attributes: AdmissionAttributes, quota: ResourceQuota): Usage | undefined {
  const { resource, object, oldObject, subresource } = attributes;
  const hard = usageFrom(quota.status?.hard);
  const names = trackedNames(resource, hard.keys());
  if (object === undefined || names.length === 0 || !matchesScopes(quota, resource, object)) return undefined;
  const quotaName = quota.metadata?.name ?? "";
  const missing = resource.resource === "pods" ? missingRequirements(object as Pod, names) : [];
  if (missing.length > 0) refuse(attributes, `failed quota: ${quotaName}: must specify ${missing.join("; ")}`);
  const used = usageFrom(quota.status?.used);
  if (!names.every((name) => used.has(name))) {
    refuse(attributes, `status unknown for quota: ${quotaName}, resources: ${[...names].sort().join(",")}`);
  }
  const now = clock.now();
  const wanted = usageOf(resource, object, now);
  const isCharged = oldObject !== undefined && matchesScopes(quota, resource, oldObject);
  const before: Usage = isCharged ? usageOf(resource, oldObject, now) : new Map();
  const more = [...subtractUsage(wanted, before)].filter(([name, amount]) => amount.nanos > 0n && hard.has(name));
  if (more.length === 0) return undefined;
  const requested: Usage = new Map(more);
  const after = addUsage(used, requested);
  const exceeded = subresource === "status" ? [] : exceededNames(maskUsage(after, requested.keys()), hard);
  if (exceeded.length > 0) {
    const shown = (usage: Usage): string => pretty(maskUsage(usage, exceeded));
    refuse(
      attributes,
      `exceeded quota: ${quotaName}, requested: ${shown(requested)}, used: ${shown(used)}, limited: ${shown(hard)}`,
    );
  }
  return after;
}

async function charge(deps: QuotaDeps, attributes: AdmissionAttributes, name: string) {
  const { store, registry, clock } = deps;
  const definition = registry.get("", "v1", "resourcequotas")!;
  const change: TryChange = async (live) => {
    const after = live === undefined ? undefined : afterwards(clock, attributes, live as ResourceQuota);
    if (live === undefined || after === undefined) return { type: "none" };
    const next = { ...live, status: { ...(live["status"] as object), used: usageText(after) } };
    return { type: "put", object: updatedByServer(deps, definition, live, next, { subresource: "status" }) };
  };
  const { context, namespace } = attributes;
  await store.update(definition, store.keyOf(definition, namespace, name), change, context.time);
}

function pretty(usage: Usage): string {
  return Object.entries(usageText(usage))
    .map(([name, amount]) => `${name}=${amount}`)
    .join(",");
}

function refuse({ resource, name }: AdmissionAttributes, why: string): never {
  throw ApiError.forbidden(resource, name, why);
}
