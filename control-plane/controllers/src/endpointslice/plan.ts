import { jsonEqual } from "@tsukube/api";
import type { Node, Pod, Service } from "@tsukube/api/types/core-v1";
import type { Endpoint, EndpointHints, EndpointPort, EndpointSlice } from "@tsukube/api/types/discovery-v1";
import type { IpFamily } from "@tsukube/foundation/ip-network";
import { addressOf, familiesOf, HEADLESS, hostnameOf, isHeadless, isReady } from "../services/pod-endpoint.ts";
import { targetPortOf } from "../services/target-port.ts";

/** As upstream's --max-endpoints-per-slice. */
const MAX_ENDPOINTS = 100;
export const SERVICE_NAME = "kubernetes.io/service-name";
export const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
export const MANAGER = "endpointslice-controller.k8s.io";
export const ZONE = "topology.kubernetes.io/zone";

/** What must change so that the slices of a Service name its pods. */
export interface EndpointSlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
}

export type NodeOf = (name: string) => Node | undefined;

/**
 * Pure. Each family of the Service's addresses has slices of its own. Pods are grouped by the numbers that the Service's named
 * ports have in them; each group fills slices of at most 100. Slices that exist are kept and changed as little as possible, so
 * that few watchers hear of much. Those of an earlier Service of the same name go, and those of families that it has no more.
 */
export function plan(
  service: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
  nodeOf: NodeOf,
): EndpointSlicePlan {
  const families = familiesOf(service);
  const plans = families.map((family) => {
    const own = slices.filter(({ addressType }) => addressType === family);
    return planOf(service, pods, own, nodeOf, family);
  });
  const others = slices.filter(({ addressType }) => !families.includes(addressType as IpFamily));
  return {
    create: plans.flatMap(({ create }) => create),
    update: plans.flatMap(({ update }) => update),
    delete: [...plans.flatMap((each) => each.delete), ...others],
  };
}

function planOf(
  service: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
  nodeOf: NodeOf,
  family: IpFamily,
): EndpointSlicePlan {
  const groups = new Map<string, Group>();
  for (const pod of pods) {
    const endpoint = endpointOf(service, pod, nodeOf, family);
    if (endpoint === undefined) continue;
    const ports = portsOf(service, pod);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { family, ports, endpoints: new Map() };
    groups.set(key, group);
    group.endpoints.set(pod.metadata?.uid ?? "", endpoint);
  }
  const out: { create: EndpointSlice[]; update: EndpointSlice[]; delete: EndpointSlice[] } = {
    create: [],
    update: [],
    delete: [],
  };
  const unused = new Set(slices);
  const ours = slices.filter((slice) => isOwnedBy(slice, service));
  for (const [key, group] of groups) {
    const own = ours.filter((slice) => JSON.stringify(normalPorts(slice.ports)) === key);
    placeGroup(service, group, own, unused, out);
  }
  if (groups.size === 0) keepOneEmpty(service, family, ours, unused, out);
  out.delete.push(...unused);
  return out;
}

interface Group {
  readonly family: IpFamily;
  readonly ports: readonly EndpointPort[];
  /** By the uids of pods. */
  readonly endpoints: Map<string, Endpoint>;
}

type Draft = { create: EndpointSlice[]; update: EndpointSlice[]; delete: EndpointSlice[] };

function placeGroup(
  service: Service,
  group: Group,
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
    out.create.push(newSlice(service, group, rest.slice(i, i + MAX_ENDPOINTS)));
}

/** A Service without pods has one slice without endpoints: "none" differs from "not looked at yet". */
function keepOneEmpty(
  service: Service,
  family: IpFamily,
  slices: readonly EndpointSlice[],
  unused: Set<EndpointSlice>,
  out: Draft,
): void {
  const [first] = slices;
  if (first === undefined) {
    out.create.push(newSlice(service, { family, ports: [] }, []));
    return;
  }
  unused.delete(first);
  const next = { ...first, metadata: { ...first.metadata, labels: labelsOf(service) }, endpoints: [], ports: [] };
  if (!sameSlice(first, next)) out.update.push(next);
}

function newSlice(
  service: Service,
  { family, ports }: Pick<Group, "family" | "ports">,
  endpoints: readonly Endpoint[],
): EndpointSlice {
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
    addressType: family,
    endpoints,
    ports,
  };
}

function isOwnedBy(slice: EndpointSlice, service: Service): boolean {
  return slice.metadata?.ownerReferences?.some(({ uid }) => uid === service.metadata?.uid) === true;
}

function labelsOf(service: Service): Record<string, string> {
  const { [HEADLESS]: _headless, ...labels } = service.metadata?.labels ?? {};
  return {
    ...labels,
    ...(isHeadless(service) && { [HEADLESS]: "" }),
    [SERVICE_NAME]: service.metadata?.name ?? "",
    [MANAGED_BY]: MANAGER,
  };
}

/** Undefined for a pod that has no address, that has ended, or whose node is gone: nothing is known of such any more. */
function endpointOf(service: Service, pod: Pod, nodeOf: NodeOf, family: IpFamily): Endpoint | undefined {
  const address = addressOf(pod, family);
  const { nodeName } = pod.spec ?? {};
  const node = nodeName === undefined ? undefined : nodeOf(nodeName);
  const takesAny = service.spec?.publishNotReadyAddresses === true;
  if (address === undefined || (nodeName !== undefined && node === undefined && !takesAny)) return undefined;
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  const serving = isReady(pod);
  const terminating = pod.metadata?.deletionTimestamp !== undefined;
  const ready = takesAny || (serving && !terminating);
  const hostname = hostnameOf(pod, service);
  const zone = node?.metadata?.labels?.[ZONE] ?? "";
  const hints = ready ? hintsOf(service, zone, nodeName) : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hostname !== undefined && { hostname }),
    targetRef: { kind: "Pod", namespace, name, uid },
    ...(nodeName !== undefined && { nodeName }),
    ...(zone !== "" && { zone }),
    ...(hints !== undefined && { hints }),
  };
}

/** Who should rather use the endpoint (KEP-4444, KEP-3015); undefined: all alike. */
function hintsOf({ spec }: Service, zone: string, nodeName: string | undefined): EndpointHints | undefined {
  const forZones = zone === "" ? {} : { forZones: [{ name: zone }] };
  switch (spec?.trafficDistribution) {
    case "PreferClose":
    case "PreferSameZone":
      return zone === "" ? undefined : forZones;
    case "PreferSameNode":
      return nodeName === undefined ? undefined : { forNodes: [{ name: nodeName }], ...forZones };
    default:
      return undefined;
  }
}

function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  const ports = (service.spec?.ports ?? []).flatMap((service): EndpointPort[] => {
    const { name = "", protocol = "TCP", appProtocol } = service;
    const port = targetPortOf(service, pod);
    if (port === undefined) return [];
    return [{ name, port, protocol, ...(appProtocol !== undefined && { appProtocol }) }];
  });
  return normalPorts(ports);
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
  const shown = ({ metadata, ports, endpoints }: EndpointSlice): unknown => ({
    labels: metadata?.labels ?? {},
    ports: normalPorts(ports),
    endpoints: (endpoints ?? []).map((endpoint) => ({ ...endpoint, targetRef: endpoint.targetRef?.uid })),
  });
  return jsonEqual(shown(a), shown(b));
}
