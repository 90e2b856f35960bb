import type { Endpoints, Service } from "../../generated/types/core-v1.ts";
import type { EndpointSlice } from "../../generated/types/discovery-v1.ts";
import type { Ingress, NetworkPolicy, NetworkPolicyPeer } from "../../generated/types/networking-v1.ts";
import { addressWarnings, networkWarnings } from "./addresses.ts";

export function serviceWarnings({ metadata, spec = {} }: Service): string[] {
  const warnings: string[] = [];
  const hints = "service.kubernetes.io/topology-aware-hints";
  const external = (spec.externalIPs ?? []).length > 0;
  const isNamed = spec.type === "ExternalName";
  if (metadata?.annotations?.[hints] !== undefined)
    warnings.push(`annotation ${hints} is deprecated, please use service.kubernetes.io/topology-mode instead`);
  if (!isNamed && spec.clusterIP !== "None") warnings.push(...eachAddress(spec.clusterIPs, "spec.clusterIPs"));
  const isHeadless = spec.type === "ClusterIP" && spec.clusterIP === "None";
  if (isHeadless) {
    if ((spec.loadBalancerIP ?? "") !== "") warnings.push("spec.loadBalancerIP is ignored for headless services");
    if (external) warnings.push("spec.externalIPs is ignored for headless services");
    if (spec.sessionAffinity !== "None") warnings.push("spec.SessionAffinity is ignored for headless services");
  }
  warnings.push(...eachAddress(spec.externalIPs, "spec.externalIPs"));
  if (external && !isHeadless && !isNamed)
    warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  warnings.push(...addressWarnings(spec.loadBalancerIP ?? undefined, "spec.loadBalancerIP"));
  for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries())
    warnings.push(...networkWarnings(range, `spec.loadBalancerSourceRanges[${index}]`));
  if (external && isNamed) warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"');
  if (!isNamed && (spec.externalName ?? "") !== "")
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec.trafficDistribution === "PreferClose")
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

function eachAddress(addresses: readonly string[] | undefined, at: string): string[] {
  return (addresses ?? []).flatMap((address, index) => addressWarnings(address, `${at}[${index}]`));
}

/** Of the addresses at which a load balancer answers, in the status of a Service or Ingress. */
export function balancerWarnings({ status }: Pick<Service | Ingress, "status">): string[] {
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, index) =>
    addressWarnings(ip, `status.loadBalancer.ingress[${index}]`),
  );
}

export function ingressWarnings({ metadata, spec }: Ingress): string[] {
  const annotation = "kubernetes.io/ingress.class";
  if (metadata?.annotations?.[annotation] === undefined || (spec?.ingressClassName ?? undefined) !== undefined)
    return [];
  return [`annotation "${annotation}" is deprecated, please use 'spec.ingressClassName' instead`];
}

export function networkPolicyWarnings({ spec }: NetworkPolicy): string[] {
  return [
    ...(spec?.ingress ?? []).flatMap(({ from }, index) => peerWarnings(from, `spec.ingress[${index}].from`)),
    ...(spec?.egress ?? []).flatMap(({ to }, index) => peerWarnings(to, `spec.egress[${index}].to`)),
  ];
}

function peerWarnings(peers: readonly NetworkPolicyPeer[] | undefined, at: string): string[] {
  return (peers ?? []).flatMap(({ ipBlock }, index) => {
    const here = `${at}[${index}].ipBlock`;
    const except = (ipBlock?.except ?? []).flatMap((range, place) =>
      networkWarnings(range, `${here}.except[${place}]`),
    );
    return [...networkWarnings(ipBlock?.cidr, `${here}.cidr`), ...except];
  });
}

export function endpointsWarnings({ metadata, subsets }: Endpoints): string[] {
  if (metadata?.labels?.["endpoints.kubernetes.io/managed-by"] === "endpoint-controller") return [];
  return (subsets ?? []).flatMap((subset, index) =>
    (["addresses", "notReadyAddresses"] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, place) => addressWarnings(ip, `subsets[${index}].${list}[${place}].ip`)),
    ),
  );
}

const SLICE_CONTROLLERS: readonly (string | undefined)[] = [
  "endpointslice-controller.k8s.io",
  "endpointslicemirroring-controller.k8s.io",
];

export function sliceWarnings({ metadata, addressType, endpoints }: EndpointSlice, isNew: boolean): string[] {
  const old = isNew && addressType === "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : [];
  if (SLICE_CONTROLLERS.includes(metadata?.labels?.["endpointslice.kubernetes.io/managed-by"])) return old;
  const bad = (endpoints ?? []).flatMap(({ addresses }, index) =>
    eachAddress(addresses ?? [], `endpoints[${index}].addresses`),
  );
  return [...old, ...bad];
}
