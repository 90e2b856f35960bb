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
 * ports have in them; each group fills slices of at most 100. Slices that exist are kept, and as few of them changed as can be, so
 * that few watchers hear of much. Those of an earlier Service of the same name go, and those of families that it has no more. A
 * Service on its way out gets no new ones: what deletes them would not know of those.
 */
export function plan(
  service: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
  nodeOf: NodeOf,
): EndpointSlicePlan {
  const families = familiesOf(service);
  // who waits for one to go must not be kept from having another
  const present = slices.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const plans = families.map((family) => {
    const own = present.filter(({ addressType }) => addressType === family);
    return planOf(service, pods, own, nodeOf, family);
  });
  const others = present.filter(({ addressType }) => !families.includes(addressType as IpFamily));
  const isGoing = service.metadata?.deletionTimestamp !== undefined;
  return {
    create: isGoing ? [] : plans.flatMap(({ create }) => create),
    update: plans.flatMap(({ update }) => update),
    delete: [...plans.flatMap((each) => each.delete), ...others],
  };
}

type Draft = { create: EndpointSlice[]; update: EndpointSlice[]; delete: EndpointSlice[] };

function planOf(
  service: Service,
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
  nodeOf: NodeOf,
  family: IpFamily,
): EndpointSlicePlan {
  const groups = groupsOf(service, pods, nodeOf, family);
  const ours = Map.groupBy(slices, (slice) =>
    isOwnedBy(slice, service) ? JSON.stringify(normalPorts(slice.ports)) : undefined,
  );
  const out: Draft = { create: [], update: [], delete: [] };
  for (const [key, group] of groups) placeGroup(service, group, ours.get(key) ?? [], out);
  for (const [key, own] of ours) if (key === undefined || !groups.has(key)) out.delete.push(...own);
  // one without endpoints: "none" differs from "not looked at yet"
  if (groups.size === 0) out.create.push(newSlice(service, { family, ports: [] }, []));
  recycle(service, out);
  return out;
}

interface Group {
  readonly family: IpFamily;
  readonly ports: readonly EndpointPort[];
  /** By the uids of pods. */
  readonly endpoints: Map<string, Endpoint>;
}

function groupsOf(
  service: Service,
  pods: readonly Pod[],
  nodeOf: NodeOf,
  family: IpFamily,
): ReadonlyMap<string, Group> {
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
  return groups;
}

/** A slice that is there, and the endpoints that it is to have. */
interface Place {
  readonly slice: EndpointSlice;
  readonly endpoints: Endpoint[];
}

function placeGroup(service: Service, group: Group, own: readonly EndpointSlice[], out: Draft): void {
  const left = new Map(group.endpoints);
  const places = own.map((slice) => ({ slice, endpoints: keptOf(slice, left) }));
  const emptied = places.filter(({ slice, endpoints }) => endpoints.length === 0 && (slice.endpoints ?? []).length > 0);
  const rest = places.filter((place) => !emptied.includes(place));
  const changed = rest.filter(({ slice, endpoints }) => !sameSlice(slice, withEndpoints(service, slice, endpoints)));
  const unchanged = new Set<Place>(rest.filter((place) => !changed.includes(place)));
  for (const place of changed.sort((a, b) => b.endpoints.length - a.endpoints.length)) fill(place.endpoints, left);
  while (left.size > 0) {
    const place = bestFor(left.size, unchanged);
    if (place !== undefined) unchanged.delete(place);
    if (place !== undefined) changed.push(place);
    const endpoints = place?.endpoints ?? [];
    fill(endpoints, left);
    if (place === undefined) out.create.push(newSlice(service, group, endpoints));
  }
  for (const { slice, endpoints } of changed) out.update.push(withEndpoints(service, slice, endpoints));
  out.delete.push(...emptied.map(({ slice }) => slice));
}

/** Those of a slice that are still wanted, as they are now; they are left no more. */
function keptOf(slice: EndpointSlice, left: Map<string, Endpoint>): Endpoint[] {
  return (slice.endpoints ?? []).flatMap(({ targetRef }) => {
    const uid = targetRef?.uid ?? "";
    const wanted = left.get(uid);
    left.delete(uid);
    return wanted === undefined ? [] : [wanted];
  });
}

function fill(endpoints: Endpoint[], left: Map<string, Endpoint>): void {
  for (const [uid, endpoint] of left) {
    if (endpoints.length >= MAX_ENDPOINTS) return;
    endpoints.push(endpoint);
    left.delete(uid);
  }
}

/** The fullest that has room for all of them; undefined where none has. */
function bestFor(count: number, places: ReadonlySet<Place>): Place | undefined {
  return [...places]
    .filter(({ endpoints }) => endpoints.length + count <= MAX_ENDPOINTS)
    .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
}

/** What would go becomes what would be made: its name stays. */
function recycle(service: Service, out: Draft): void {
  for (let made = out.create.pop(); made !== undefined; made = out.create.pop()) {
    const { ports = [], endpoints = [] } = made;
    const become = (slice: EndpointSlice): EndpointSlice => ({ ...withEndpoints(service, slice, endpoints), ports });
    const owned = out.delete.filter((slice) => isOwnedBy(slice, service));
    const old = owned.find((slice) => sameSlice(slice, become(slice))) ?? owned[0];
    if (old === undefined) {
      out.create.push(made);
      return;
    }
    out.delete.splice(out.delete.indexOf(old), 1);
    if (!sameSlice(old, become(old))) out.update.push(become(old));
  }
}

function withEndpoints(service: Service, slice: EndpointSlice, endpoints: readonly Endpoint[]): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels: labelsOf(service) }, endpoints };
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

/** Undefined for a pod that has no address, that has ended, or that is on no node that there is: nothing is known of such any more. */
function endpointOf(service: Service, pod: Pod, nodeOf: NodeOf, family: IpFamily): Endpoint | undefined {
  const address = addressOf(pod, family);
  const { nodeName } = pod.spec ?? {};
  const node = nodeName === undefined ? undefined : nodeOf(nodeName);
  const takesAny = service.spec?.publishNotReadyAddresses === true;
  if (address === undefined || (node === undefined && !takesAny)) return undefined;
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
function hintsOf({ metadata, spec }: Service, zone: string, nodeName: string | undefined): EndpointHints | undefined {
  if (isByTopology(metadata?.annotations ?? {})) return undefined;
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

/** Whether the annotation says how traffic is spread, which counts before the field. */
function isByTopology(annotations: Readonly<Record<string, string>>): boolean {
  const mode =
    annotations["service.kubernetes.io/topology-aware-hints"] ?? annotations["service.kubernetes.io/topology-mode"];
  return mode === "Auto" || mode === "auto";
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
