import type { Service, ServiceSpec } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";

/**
 * A Service of another type without what only the former type needs, where the user did not change that as well: it may have
 * been set by the server, and validation would refuse it.
 */
export function withoutFormerType(next: Unstructured, old: Unstructured): Unstructured {
  const [now, before] = [(next as Service).spec ?? {}, (old as Service).spec ?? {}];
  const dropped = new Set<string>(DEPENDENT.flatMap(([needs, fields]) => (needs(before) && !needs(now) ? fields : [])));
  const isKept = ([name, value]: [string, unknown]): boolean =>
    !dropped.has(name) || !jsonEqual(value, before[name as keyof ServiceSpec]);
  const spec: ServiceSpec = Object.fromEntries(Object.entries(now).filter(isKept));
  const losesPorts = hasNodePorts(before) && !hasNodePorts(now) && jsonEqual(nodePorts(before), nodePorts(now));
  const ports = losesPorts ? now.ports?.map(({ nodePort: _nodePort, ...port }) => port) : now.ports;
  const { loadBalancer, ...others } = (next as Service).status ?? {};
  const isBalanced = now.type === "LoadBalancer" || loadBalancer?.ingress === undefined;
  const status = isBalanced ? {} : { status: { ...others, loadBalancer: {} } };
  return { ...next, spec: { ...spec, ...(ports !== undefined && { ports }) }, ...status } as Unstructured;
}

const hasAddress = ({ type }: ServiceSpec): boolean => type !== "ExternalName";
const hasNodePorts = ({ type }: ServiceSpec): boolean => type === "NodePort" || type === "LoadBalancer";
const isLoadBalancer = ({ type }: ServiceSpec): boolean => type === "LoadBalancer";
const isChecked = (spec: ServiceSpec): boolean => isLoadBalancer(spec) && spec.externalTrafficPolicy === "Local";
const isReachedFromOutside = (spec: ServiceSpec): boolean =>
  hasNodePorts(spec) || (spec.type === "ClusterIP" && (spec.externalIPs ?? []).length > 0);

const DEPENDENT: readonly (readonly [(spec: ServiceSpec) => boolean, readonly (keyof ServiceSpec)[]])[] = [
  [hasAddress, ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]],
  [isChecked, ["healthCheckNodePort"]],
  [isLoadBalancer, ["allocateLoadBalancerNodePorts", "loadBalancerClass"]],
  [isReachedFromOutside, ["externalTrafficPolicy"]],
];

function nodePorts({ ports = [] }: ServiceSpec): readonly number[] {
  const numbers = new Set(ports.map(({ nodePort = 0 }) => nodePort).filter((number) => number !== 0));
  return [...numbers].sort((a, b) => a - b);
}
