import type { Service, ServicePort } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";

/** Where clients connect: a Service's port under one of its addresses, or a node port. */
export interface Frontend {
  /** "namespace/name:port", for people. */
  readonly service: string;
  /** IPv4 address; undefined for a node port, which is every address of the node. */
  readonly address: string | undefined;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  /** "address:port" of pods, sorted, without duplicates. */
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
  const all = backendsOf(slices, port.name ?? "", undefined);
  const local = backendsOf(slices, port.name ?? "", nodeName);
  const inside = spec.internalTrafficPolicy === "Local" ? local : all;
  const keepsClient = spec.externalTrafficPolicy === "Local";
  const outside = { backends: keepsClient ? local : all, masquerade: !keepsClient };
  const common = { service: label, protocol, affinitySeconds };
  for (const address of (spec.clusterIPs ?? [spec.clusterIP ?? ""]).filter(isIpv4)) {
    out.push({ ...common, address, port: port.port, backends: inside, masquerade: false });
  }
  for (const address of externalAddresses(service)) out.push({ ...common, address, port: port.port, ...outside });
  if ((port.nodePort ?? 0) > 0) out.push({ ...common, address: undefined, port: port.nodePort ?? 0, ...outside });
}

function externalAddresses(service: Service): readonly string[] {
  const ingress = service.status?.loadBalancer?.ingress ?? [];
  const balanced = ingress.filter((entry) => entry.ipMode !== "Proxy").map((entry) => entry.ip ?? "");
  return [...new Set([...(service.spec?.externalIPs ?? []), ...balanced])].filter(isIpv4);
}

function backendsOf(slices: readonly EndpointSlice[], portName: string, onNode: string | undefined): readonly string[] {
  const ready = new Set<string>();
  const terminating = new Set<string>();
  for (const slice of slices) {
    if (slice.addressType !== "IPv4") continue;
    const port = (slice.ports ?? []).find((candidate) => (candidate.name ?? "") === portName)?.port;
    if (port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (onNode !== undefined && endpoint.nodeName !== onNode) continue;
      const { ready: isReady, serving, terminating: ends } = endpoint.conditions ?? {};
      const target = isReady !== false ? ready : serving === true && ends === true ? terminating : undefined;
      for (const address of endpoint.addresses ?? []) target?.add(`${address}:${port}`);
    }
  }
  return [...(ready.size > 0 ? ready : terminating)].sort();
}

function isIpv4(address: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(address);
}
