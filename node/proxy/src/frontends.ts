import type { Service, ServicePort, ServiceSpec } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { familyOf, type IpFamily, withPort } from "@tsukube/foundation/ip-network";

/** Where clients connect: a Service's port under one of its addresses, or a node port. */
export interface Frontend {
  /** "namespace/name:port", for people. */
  readonly service: string;
  /** Of its address and its backends. */
  readonly family: IpFamily;
  /** undefined for a node port, which is every address of the node of that family. */
  readonly address: string | undefined;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** "10.64.0.2:80" and "[fd00::2]:80" of pods, sorted, without duplicates. */
  readonly backends: readonly string[];
  /** The client's address must be replaced, so that a pod on another node answers through this one. */
  readonly masquerade: boolean;
  /** Seconds for which a client keeps its backend; 0: not at all. */
  readonly affinitySeconds: number;
}

const PROTOCOLS: Readonly<Record<string, Frontend["protocol"]>> = { TCP: "tcp", UDP: "udp", SCTP: "sctp" };

/**
 * Every frontend of the cluster as this node must serve it. Pure. Ready endpoints serve; where there are none, those that
 * terminate but still serve (KEP-1669). The traffic policies `Local` keep to endpoints of `nodeName`.
 */
export function frontendsOf(
  services: readonly Service[],
  slicesOf: (namespace: string, service: string) => readonly EndpointSlice[],
  nodeName: string,
): readonly Frontend[] {
  const out: Frontend[] = [];
  for (const service of services) {
    const spec = service.spec;
    if (spec === undefined || spec.type === "ExternalName" || spec.clusterIP === "None") continue;
    const namespace = service.metadata?.namespace ?? "";
    const name = service.metadata?.name ?? "";
    const slices = slicesOf(namespace, name);
    for (const port of spec.ports ?? [])
      addPort(out, service, `${namespace}/${name}:${port.name ?? ""}`, port, slices, nodeName);
  }
  return out;
}

function addPort(
  out: Frontend[],
  service: Service,
  label: string,
  port: ServicePort,
  slices: readonly EndpointSlice[],
  nodeName: string,
): void {
  const spec = service.spec ?? {};
  const protocol = PROTOCOLS[port.protocol ?? "TCP"] ?? "tcp";
  const affinity = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800;
  const affinitySeconds = spec.sessionAffinity === "ClientIP" ? affinity : 0;
  const keepsClient = spec.externalTrafficPolicy === "Local";
  for (const family of familiesOf(spec)) {
    const all = backendsOf(slices, family, port.name ?? "", undefined);
    const local = backendsOf(slices, family, port.name ?? "", nodeName);
    const inside = spec.internalTrafficPolicy === "Local" ? local : all;
    const outside = { backends: keepsClient ? local : all, masquerade: !keepsClient };
    const common = { service: label, family, protocol, affinitySeconds };
    const own = (spec.clusterIPs ?? [spec.clusterIP ?? ""]).filter((address) => familyOf(address) === family);
    for (const address of own) out.push({ ...common, address, port: port.port, backends: inside, masquerade: false });
    const external = externalAddresses(service).filter((address) => familyOf(address) === family);
    for (const address of external) out.push({ ...common, address, port: port.port, ...outside });
    if ((port.nodePort ?? 0) > 0) out.push({ ...common, address: undefined, port: port.nodePort ?? 0, ...outside });
  }
}

/** Of what serves it: those of its own addresses, where nothing says so. */
function familiesOf({ ipFamilies, clusterIPs, clusterIP = "" }: ServiceSpec): readonly IpFamily[] {
  const named = (ipFamilies ?? []) as readonly IpFamily[];
  return named.length > 0 ? named : [...new Set((clusterIPs ?? [clusterIP]).flatMap((ip) => familyOf(ip) ?? []))];
}

function externalAddresses(service: Service): readonly string[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const balanced = ingress.filter((entry) => entry.ipMode !== "Proxy").map((entry) => entry.ip ?? "");
  return [...new Set([...(service.spec?.externalIPs ?? []), ...balanced])];
}

function backendsOf(
  slices: readonly EndpointSlice[],
  family: IpFamily,
  portName: string,
  onNode: string | undefined,
): readonly string[] {
  const ready = new Set<string>();
  const terminating = new Set<string>();
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    const port = (slice.ports ?? []).find((candidate) => (candidate.name ?? "") === portName)?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (onNode !== undefined && endpoint.nodeName !== onNode) continue;
      const { ready: isReady, serving, terminating: ends } = endpoint.conditions ?? {};
      const target = isReady !== false ? ready : serving === true && ends === true ? terminating : undefined;
      for (const address of endpoint.addresses ?? []) target?.add(withPort(address, port));
    }
  }
  return [...(ready.size > 0 ? ready : terminating)].sort();
}
