import type { ServiceCIDR } from "@tsukube/api/types/networking-v1";
import type { FieldManagerDeps } from "../ownership/field-managers.ts";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

/** Where a server makes its own. */
export const SERVICE_CIDRS = "networking.k8s.io/v1 servicecidrs";

const DEFAULT = "/registry/servicecidrs/kubernetes";

/**
 * The networks that a cluster has already, by comma, when others wrote them: an upstream cluster, or another of our control
 * planes. One that has a first network alone may be given a second. @param own What this server was told.
 */
export function storedServiceRange(cache: WatchCache, own: string): string | undefined {
  if (!cache.store.isShared) return undefined;
  const cidrs = (cache.get(DEFAULT)?.object as ServiceCIDR | undefined)?.spec?.cidrs ?? [];
  return cidrs.length === 0 || isWidened(cidrs, own.split(",")) ? undefined : cidrs.join();
}

/** Writes the second network of a cluster that began with the first alone. */
export async function widenedServiceRange(
  deps: FieldManagerDeps & { readonly store: ObjectStore },
  cidr: string,
): Promise<void> {
  const { store, registry } = deps;
  const definition = registry.get("networking.k8s.io", "v1", "servicecidrs")!;
  await store.update(definition, DEFAULT, async (live) => {
    const { spec } = live as ServiceCIDR;
    const cidrs = cidr.split(",");
    if (!isWidened(spec?.cidrs ?? [], cidrs)) return { type: "none" };
    return { type: "put", object: updatedByServer(deps, definition, live, { ...live!, spec: { ...spec, cidrs } }) };
  });
}

function isWidened(before: readonly string[], now: readonly string[]): boolean {
  return before.length === 1 && now.length === 2 && before[0] === now[0];
}

/** The networks of Services as an object (KEP-1880). @param cidr Such as "10.160.0.0/16", or two by comma. */
export function serviceRange(cidr: string): object {
  const message = "Kubernetes default Service CIDR is ready";
  return {
    metadata: { name: "kubernetes" },
    spec: { cidrs: cidr.split(",") },
    status: {
      conditions: [{ type: "Ready", status: "True", message }],
    },
  };
}
