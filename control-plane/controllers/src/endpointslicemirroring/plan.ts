import { ipAddress, jsonEqual } from "@tsukube/api";
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from "@tsukube/api/types/core-v1";
import type { Endpoint, EndpointPort, EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { controllerReference } from "@tsukube/client";
import { repack } from "../endpoints/subsets.ts";
import { MANAGED_BY, SERVICE_NAME } from "../endpointslice/plan.ts";
import { TRIGGER_TIME } from "../services/trigger-times.ts";

export const MANAGER = "endpointslicemirroring-controller.k8s.io";
const SKIP = "endpointslice.kubernetes.io/skip-mirror";
const LEADER = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** As upstream's --mirroring-max-endpoints-per-subset: one slice for each subset and family. */
const MOST_ADDRESSES = 1000;

export interface MirrorPlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly delete: readonly EndpointSlice[];
  /** Addresses that are no IP address, and those beyond the limit. */
  readonly invalid: number;
  readonly excess: number;
}

/** Whether slices have to mirror the Endpoints: made by hand, for a Service without selector, and not exempted. */
export function isMirrored(endpoints: Endpoints | undefined, service: Service | undefined): endpoints is Endpoints {
  if (endpoints === undefined || service === undefined || service.spec?.selector !== undefined) return false;
  const { labels, annotations, deletionTimestamp } = endpoints.metadata ?? {};
  return deletionTimestamp === undefined && labels?.[SKIP] !== "true" && annotations?.[LEADER] === undefined;
}

interface Group {
  readonly addressType: "IPv4" | "IPv6";
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/** Pure: what must change so that `present` says what the Endpoints say; undefined Endpoints: nothing is to be mirrored. */
export function plan(endpoints: Endpoints | undefined, present: readonly EndpointSlice[]): MirrorPlan {
  if (endpoints === undefined) return { create: [], update: [], delete: present, invalid: 0, excess: 0 };
  const subsets = repack(endpoints.subsets ?? []);
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const unused = new Set(present);
  for (const group of subsets.flatMap(groupsOf)) {
    const same = [...unused].find((slice) => keyOf(slice) === keyOf(group));
    const wanted = sliceOf(endpoints, group, same);
    if (same === undefined) create.push(wanted);
    else if (!jsonEqual(shown(same), shown(wanted))) update.push(wanted);
    if (same !== undefined) unused.delete(same);
  }
  const counts = subsets.map(skipped);
  const sum = (name: "invalid" | "excess"): number => counts.reduce((total, each) => total + each[name], 0);
  return { create, update, delete: [...unused], invalid: sum("invalid"), excess: sum("excess") };
}

type Address = EndpointAddress & { readonly ready: boolean };

function addressesOf({ addresses = [], notReadyAddresses = [] }: EndpointSubset): readonly Address[] {
  const all = [
    ...addresses.map((address) => ({ ...address, ready: true })),
    ...notReadyAddresses.map((address) => ({ ...address, ready: false })),
  ];
  return all.filter(({ ip }) => ipAddress(ip).length === 0);
}

function skipped(subset: EndpointSubset): { readonly invalid: number; readonly excess: number } {
  const total = (subset.addresses ?? []).length + (subset.notReadyAddresses ?? []).length;
  const valid = addressesOf(subset).length;
  return { invalid: total - valid, excess: Math.max(0, valid - MOST_ADDRESSES) };
}

function groupsOf(subset: EndpointSubset): readonly Group[] {
  const all = addressesOf(subset).slice(0, MOST_ADDRESSES);
  const ports = (subset.ports ?? []).map(({ name = "", port, protocol = "TCP", appProtocol }): EndpointPort => {
    return { name, port, protocol, ...(appProtocol !== undefined && { appProtocol }) };
  });
  return (["IPv4", "IPv6"] as const).flatMap((addressType) => {
    const endpoints = all.filter(({ ip }) => (addressType === "IPv6") === ip.includes(":")).map(endpointOf);
    return endpoints.length === 0 ? [] : [{ addressType, ports, endpoints }];
  });
}

function endpointOf({ ip, ready, hostname, nodeName, targetRef }: Address): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname !== undefined && { hostname }),
    ...(targetRef !== undefined && { targetRef }),
    ...(nodeName !== undefined && { nodeName }),
  };
}

function keyOf({ addressType, ports }: Pick<EndpointSlice, "addressType" | "ports">): string {
  const each = (ports ?? []).map(({ name, port, protocol, appProtocol }) =>
    [name, port, protocol, appProtocol].join("/"),
  );
  return `${addressType} ${each.sort().join()}`;
}

function sliceOf(endpoints: Endpoints, group: Group, present: EndpointSlice | undefined): EndpointSlice {
  const { name = "", namespace = "", labels } = endpoints.metadata ?? {};
  const { [LAST_APPLIED]: _applied, [TRIGGER_TIME]: _time, ...annotations } = endpoints.metadata?.annotations ?? {};
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      ...(present?.metadata ?? { generateName: `${name}-`, namespace }),
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MANAGER },
      annotations,
      ownerReferences: [controllerReference(endpoints, "v1", "Endpoints")],
    },
    ...group,
  };
}

function shown({ metadata, endpoints }: EndpointSlice): unknown {
  const { labels = {}, annotations = {}, ownerReferences = [] } = metadata ?? {};
  return { labels, annotations, owners: ownerReferences.map(({ uid }) => uid), endpoints };
}
