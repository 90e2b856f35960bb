import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import type { WatchCache } from "../storage/watch-cache.ts";

export interface ServiceEndpoint {
  readonly host: string;
  readonly port: number;
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
      for (const host of endpoint.addresses ?? []) found.push({ host, port });
    }
  }
  return found;
}
