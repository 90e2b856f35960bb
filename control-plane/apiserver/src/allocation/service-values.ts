import type { Unstructured } from "@tsukube/api";
import type { Service } from "@tsukube/api/types/core-v1";
import type { IPAddress } from "@tsukube/api/types/networking-v1";
import { familyOf, formatIp, parseIp } from "@tsukube/foundation/ip-network";

export const SERVICES = "/registry/services/specs/";
export const IP_ADDRESSES = "/registry/ipaddresses/";
/** Who made an IPAddress: the label and its value for Services. */
export const MANAGER = "ipaddress.kubernetes.io/managed-by";
export const ALLOCATOR = "ipallocator.k8s.io";

/** Addresses that a Service holds, in the form that all write. */
export function addressesOf(service: Unstructured | undefined): readonly string[] {
  return ((service as Service | undefined)?.spec?.clusterIPs ?? []).flatMap((address) => {
    const parsed = parseIp(address);
    return parsed === undefined ? [] : formatIp(parsed);
  });
}

/** Node ports that a Service holds, each once, whatever its protocols. */
export function portsOf(service: Unstructured | undefined): ReadonlySet<number> {
  const { ports = [], healthCheckNodePort = 0 } = (service as Service | undefined)?.spec ?? {};
  return new Set([...ports.map(({ nodePort = 0 }) => nodePort), healthCheckNodePort].filter((port) => port > 0));
}

/** Whether an IPAddress is that of the Service at a key. */
export function isOf(address: Unstructured, service: string): boolean {
  const { resource, namespace, name } = (address as Partial<IPAddress>).spec?.parentRef ?? {};
  return resource === "services" && `${SERVICES}${namespace}/${name}` === service;
}

/** The IPAddress of a Service, without identity. */
export function addressObject(address: string, service: string): Unstructured {
  const [namespace = "", name = ""] = service.slice(SERVICES.length).split("/");
  const labels = { "ipaddress.kubernetes.io/ip-family": familyOf(address), [MANAGER]: ALLOCATOR };
  return {
    ...{ kind: "IPAddress", apiVersion: "networking.k8s.io/v1" },
    metadata: { name: address, labels },
    spec: { parentRef: { resource: "services", namespace, name } },
  } as unknown as Unstructured;
}
