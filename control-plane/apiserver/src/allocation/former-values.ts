import { jsonEqual, type Unstructured } from "@tsukube/api";
import type { Service, ServicePort, ServiceSpec } from "@tsukube/api/types/core-v1";

/**
 * A Service with what it was given before, where the client does not say otherwise, and with the first of `clusterIPs` the
 * same as `clusterIP`: whoever changed one of them meant both.
 */
export function withFormerValues(next: Unstructured, old: Service | undefined): Unstructured {
  const spec = (next as Service).spec ?? {};
  const former = old?.spec;
  const kept = former === undefined ? spec : withAllocated(spec, former);
  return { ...next, spec: withPlural(kept, former) };
}

export const hasAddress = ({ type }: ServiceSpec): boolean => type !== "ExternalName";
export const isBalanced = ({ type }: ServiceSpec): boolean => type === "LoadBalancer";
/** Each of its ports gets a node port. */
export const needsNodePorts = (spec: ServiceSpec): boolean =>
  spec.type === "NodePort" || (isBalanced(spec) && spec.allocateLoadBalancerNodePorts !== false);
/** Nodes tell the balancer at a port of their own whether they have a pod of it. */
export const needsHealthPort = (spec: ServiceSpec): boolean =>
  isBalanced(spec) && spec.externalTrafficPolicy === "Local";

function withAllocated(spec: ServiceSpec, former: ServiceSpec): ServiceSpec {
  const { clusterIP = "", clusterIPs = [], healthCheckNodePort } = former;
  const addressed = hasAddress(former) && hasAddress(spec);
  const checked = needsHealthPort(former) && needsHealthPort(spec);
  return {
    ...spec,
    ...(addressed && !spec.clusterIP && clusterIP !== "" && { clusterIP }),
    ...(addressed && (spec.clusterIPs ?? []).length === 0 && clusterIPs.length > 0 && { clusterIPs }),
    ...(needsNodePorts(former) &&
      needsNodePorts(spec) &&
      spec.ports && { ports: withNodePorts(spec.ports, former.ports ?? []) }),
    ...(checked && !spec.healthCheckNodePort && healthCheckNodePort && { healthCheckNodePort }),
  };
}

/** A port keeps the node port of the one of its name, unless another has that now. */
function withNodePorts(ports: readonly ServicePort[], former: readonly ServicePort[]): ServicePort[] {
  const before = new Map(former.map(({ name = "", nodePort = 0 }) => [name, nodePort]));
  const used = new Set(ports.map(({ nodePort = 0 }) => nodePort));
  return ports.map((port) => {
    const nodePort = before.get(port.name ?? "") ?? 0;
    return port.nodePort || nodePort === 0 || used.has(nodePort) ? port : { ...port, nodePort };
  });
}

function withPlural(spec: ServiceSpec, former: ServiceSpec | undefined): ServiceSpec {
  const { clusterIP = "", clusterIPs = [] } = spec;
  if (former === undefined)
    return clusterIP !== "" && clusterIPs.length === 0 ? { ...spec, clusterIPs: [clusterIP] } : spec;
  const isSame = jsonEqual([...clusterIPs], [...(former.clusterIPs ?? [])]);
  if ((former.clusterIP ?? "") === clusterIP || !isSame) return spec;
  if (clusterIP !== "") return { ...spec, clusterIPs: [clusterIP] };
  const { clusterIPs: _addresses, ...others } = spec;
  return others;
}
