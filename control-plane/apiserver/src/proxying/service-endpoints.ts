import type { ObjectReference, Pod } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import type { WatchCache } from "../storage/watch-cache.ts";

export interface ServiceEndpoint {
  readonly host: string;
  readonly port: number;
  /** Whose address it is said to be. */
  readonly targetRef?: ObjectReference;
}

/** Where a Service's port of this name ("" for one without) is served, by endpoints that do not say that they are not ready. */
export function serviceEndpoints(
  cache: WatchCache,
  namespace: string,
  name: string,
  portName: string,
): readonly ServiceEndpoint[] {
  const found: ServiceEndpoint[] = [];
  for (const [, cached] of cache.head.range(`/registry/endpointslices/${namespace}/`)) {
    const slice = cached.object as unknown as EndpointSlice;
    if (slice.metadata?.labels?.["kubernetes.io/service-name"] !== name) continue;
    const port = (slice.ports ?? []).find((candidate) => (candidate.name ?? "") === portName)?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      const { targetRef } = endpoint;
      const target = targetRef === undefined || targetRef === null ? {} : { targetRef };
      for (const host of endpoint.addresses ?? []) found.push({ host, port, ...target });
    }
  }
  return found;
}

/** Whether an endpoint is what it says: the address of a pod of the namespace. */
export function isOfPod(cache: WatchCache, namespace: string, { host, targetRef }: ServiceEndpoint): boolean {
  if (targetRef === undefined || targetRef.namespace !== namespace) return false;
  const pod = cache.get(`/registry/pods/${namespace}/${targetRef.name}`)?.object as Pod | undefined;
  return (pod?.status?.podIPs ?? []).some(({ ip }) => ip === host);
}
