import type { ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { formatTime } from "@tsukube/foundation";
import type { WatchCache } from "../storage/watch-cache.ts";

/** The network that a cluster has already, when others wrote it: an upstream cluster, or another of our control planes. */
export function storedServiceRange(cache: WatchCache): string | undefined {
  if (!cache.store.isShared) return undefined;
  const stored = cache.get("/registry/servicecidrs/kubernetes")?.object as ServiceCIDR | undefined;
  return stored?.spec?.cidrs?.[0];
}

/** The network of Services as an object (KEP-1880). @param cidr Such as "10.160.0.0/16". @param now Ms since the epoch. */
export function serviceRange(cidr: string, now: number): object {
  const message = "Kubernetes default Service CIDR is ready";
  return {
    metadata: { name: "kubernetes" },
    spec: { cidrs: [cidr] },
    status: {
      conditions: [{ type: "Ready", status: "True", reason: "", message, lastTransitionTime: formatTime(now) }],
    },
  };
}
