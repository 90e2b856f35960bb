import type { ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { formatTime } from "@tsukube/foundation";
import type { Registry } from "../registry/registry.ts";
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
export async function widenedServiceRange(store: ObjectStore, registry: Registry, cidr: string): Promise<void> {
  const definition = registry.get("networking.k8s.io", "v1", "servicecidrs")!;
  await store.update(definition, DEFAULT, async (live) => {
    const { spec } = live as ServiceCIDR;
    const cidrs = cidr.split(",");
    return isWidened(spec?.cidrs ?? [], cidrs)
      ? { type: "put", object: { ...live!, spec: { ...spec, cidrs } } }
      : { type: "none" };
  });
}

function isWidened(before: readonly string[], now: readonly string[]): boolean {
  return before.length === 1 && now.length === 2 && before[0] === now[0];
}

/**
 * The networks of Services as an object (KEP-1880). @param cidr Such as "10.160.0.0/16", or two by comma.
 * @param now Ms since the epoch.
 */
export function serviceRange(cidr: string, now: number): object {
  const message = "Kubernetes default Service CIDR is ready";
  return {
    metadata: { name: "kubernetes" },
    spec: { cidrs: cidr.split(",") },
    status: {
      conditions: [{ type: "Ready", status: "True", reason: "", message, lastTransitionTime: formatTime(now) }],
    },
  };
}
