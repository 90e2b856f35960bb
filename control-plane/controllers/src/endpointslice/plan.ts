import type { Pod, Service, ServicePort } from "@tsukube/api/types/core-v1";
import type { Endpoint, EndpointPort, EndpointSlice } from "@tsukube/api/types/discovery-v1";

/** As upstream's --max-endpoints-per-slice. */
const MAX_ENDPOINTS = 100;
export const SERVICE_NAME = "kubernetes.io/service-name";
export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const MANAGER = "endpointslice-controller.k8s.io";
const HEADLESS = "service.kubernetes.io/headless";

/** What must change so that the slices of a Service name its pods. */
export interface EndpointSlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

/**
 * Pure. Pods are grouped by the numbers that the Service's named ports have in them; each group fills slices of at most 100.
 * Slices that exist are kept and changed as little as possible, so that few watchers hear of much.
 */
export function plan(service: Service, pods: readonly Pod[], slices: readonly EndpointSlice[]): EndpointSlicePlan {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Map<string, Endpoint> }>();
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod);
    if (endpoint === undefined) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map() };
    groups.set(key, group);
    group.endpoints.set(pod.metadata?.uid ?? "", endpoint);
  }
  const out: { create: EndpointSlice[]; update: EndpointSlice[]; delete: EndpointSlice[] } = {
    create: [],
    update: [],
    delete: [],
  };
  const unused = new Set(slices);
  for (const [key, group] of groups) {
    const own = slices.filter((slice) => JSON.stringify(normalPorts(slice.ports)) === key);
    placeGroup(service, group, own, unused, out);
  }
  if (groups.size === 0) keepOneEmpty(service, slices, unused, out);
  out.delete.push(...unused);
  return out;
}

type Draft = { create: EndpointSlice[]; update: EndpointSlice[]; delete: EndpointSlice[] };

function placeGroup(
  service: Service,
  group: { ports: readonly EndpointPort[]; endpoints: Map<string, Endpoint> },
  own: readonly EndpointSlice[],
  unused: Set<EndpointSlice>,
  out: Draft,
): void {
  const left = new Map(group.endpoints);
  for (const slice of own) {
    const kept: Endpoint[] = [];
    for (const endpoint of slice.endpoints ?? []) {
      const uid = endpoint.targetRef?.uid ?? "";
      const wanted = left.get(uid);
      if (wanted === undefined) continue;
      left.delete(uid);
      kept.push(wanted);
    }
    for (const [uid, endpoint] of left) {
      if (kept.length >= MAX_ENDPOINTS) break;
      kept.push(endpoint);
      left.delete(uid);
    }
    if (kept.length === 0) continue;
    unused.delete(slice);
    const next = { ...slice, metadata: { ...slice.metadata, labels: labelsOf(service) }, endpoints: kept };
    if (!sameSlice(slice, next)) out.update.push(next);
  }
  const rest = [...left.values()];
  for (let i = 0; i < rest.length; i += MAX_ENDPOINTS)
    out.create.push(newSlice(service, group.ports, rest.slice(i, i + MAX_ENDPOINTS)));
}

/** A Service without pods has one slice without endpoints: "none" differs from "not looked at yet". */
function keepOneEmpty(
  service: Service,
  slices: readonly EndpointSlice[],
  unused: Set<EndpointSlice>,
  out: Draft,
): void {
  const [first] = slices;
  if (first === undefined) {
    out.create.push(newSlice(service, [], []));
    return;
  }
  unused.delete(first);
  const next = { ...first, metadata: { ...first.metadata, labels: labelsOf(service) }, endpoints: [], ports: [] };
  if (!sameSlice(first, next)) out.update.push(next);
}

function newSlice(service: Service, ports: readonly EndpointPort[], endpoints: readonly Endpoint[]): EndpointSlice {
  const { name = "", namespace = "", uid = "" } = service.metadata ?? {};
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: labelsOf(service),
      ownerReferences: [{ apiVersion: "v1", kind: "Service", name, uid, controller: true, blockOwnerDeletion: true }],
    },
    addressType: "IPv4",
    endpoints,
    ports,
  };
}

function labelsOf(service: Service): Record<string, string> {
  const headless = service.spec?.clusterIP === "None" ? { [HEADLESS]: "" } : {};
  return {
    ...service.metadata?.labels,
    ...headless,
    [SERVICE_NAME]: service.metadata?.name ?? "",
    [MANAGED_BY]: MANAGER,
  };
}

/** Undefined for a pod that has no address, or that has ended. */
export function endpointOf(service: Service, pod: Pod): Endpoint | undefined {
  const address = pod.status?.podIP ?? "";
  const phase = pod.status?.phase;
  if (address === "" || phase === "Succeeded" || phase === "Failed") return undefined;
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  const serving =
    pod.status?.conditions?.some((condition) => condition.type === "Ready" && condition.status === "True") === true;
  const terminating = pod.metadata?.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const hostname = pod.spec?.hostname ?? "";
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname !== "" && pod.spec?.subdomain === service.metadata?.name && { hostname }),
    targetRef: { kind: "Pod", namespace, name, uid },
    ...(pod.spec?.nodeName !== undefined && { nodeName: pod.spec.nodeName }),
  };
}

function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  const ports = (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPort(port, pod);
    return number === undefined
      ? []
      : [
          {
            name: port.name ?? "",
            port: number,
            protocol: port.protocol ?? "TCP",
            ...(port.appProtocol !== undefined && { appProtocol: port.appProtocol }),
          },
        ];
  });
  return normalPorts(ports);
}

function targetPort(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  const containers = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always"),
  ];
  return containers
    .flatMap((container) => container.ports ?? [])
    .find((candidate) => candidate.name === target && (candidate.protocol ?? "TCP") === (port.protocol ?? "TCP"))
    ?.containerPort;
}

function normalPorts(ports: readonly EndpointPort[] | undefined | null): readonly EndpointPort[] {
  const plain = (ports ?? []).map(({ name = "", port, protocol = "TCP", appProtocol }) => ({
    name,
    ...(port !== undefined && { port }),
    protocol,
    ...(appProtocol !== undefined && { appProtocol }),
  }));
  return plain.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function sameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
  const shown = (slice: EndpointSlice): string => {
    const endpoints = (slice.endpoints ?? []).map(({ addresses, conditions, hostname, nodeName, targetRef }) => [
      addresses,
      conditions?.ready,
      conditions?.serving,
      conditions?.terminating,
      hostname,
      nodeName,
      targetRef?.uid,
    ]);
    return JSON.stringify([Object.entries(slice.metadata?.labels ?? {}).sort(), normalPorts(slice.ports), endpoints]);
  };
  return shown(a) === shown(b);
}
