import type { Namespace, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import type { InformerFactory } from "@tsukube/client";
import type { ClusterView } from "./zone.ts";

/** A view that follows the cluster. */
export function clusterView(informers: InformerFactory): ClusterView {
  const services = informers.informer<Service>(
    { group: "", version: "v1", resource: "services" },
    { indexes: { address: (service) => service.spec?.clusterIPs ?? [] } },
  );
  const slices = informers.informer<EndpointSlice>(
    { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" },
    {
      indexes: {
        service: (slice) => [
          `${slice.metadata?.namespace}/${slice.metadata?.labels?.["kubernetes.io/service-name"] ?? ""}`,
        ],
        address: (slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []),
      },
    },
  );
  const namespaces = informers.informer<Namespace>({ group: "", version: "v1", resource: "namespaces" });
  return {
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    slices: (namespace, service) => slices.byIndex("service", `${namespace}/${service}`),
    hasNamespace: (namespace) => namespaces.get(namespace) !== undefined,
    serviceByAddress: (address) => services.byIndex("address", address)[0],
    slicesByAddress: (address) => slices.byIndex("address", address),
  };
}
