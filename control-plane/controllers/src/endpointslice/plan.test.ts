import type { Node, Pod, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { expect, test } from "vitest";
import { type NodeOf, plan as planWith } from "./plan.ts";

const NODE: Node = { metadata: { name: "n" } };
const plan = (service: Service, pods: readonly Pod[], slices: readonly EndpointSlice[], nodeOf: NodeOf = () => NODE) =>
  planWith(service, pods, slices, nodeOf);

const service = (spec: Service["spec"] = {}): Service => ({
  metadata: { name: "web", namespace: "default", uid: "s" },
  spec: {
    clusterIP: "10.160.0.9",
    selector: { app: "web" },
    ports: [{ name: "http", port: 80, targetPort: "web" }],
    ...spec,
  },
});

function pod(
  index: number,
  more: { readonly ready?: boolean; readonly port?: number; readonly ip?: string; readonly deleted?: boolean } = {},
): Pod {
  const { ready = true, port = 8080, ip = `10.64.0.${index}`, deleted = false } = more;
  return {
    metadata: {
      name: `p${index}`,
      namespace: "default",
      uid: `u${index}`,
      ...(deleted && { deletionTimestamp: "2025-01-01T00:00:00Z" }),
    },
    spec: { nodeName: "n", containers: [{ name: "c", ports: [{ name: "web", containerPort: port }] }] },
    status: { phase: "Running", podIP: ip, conditions: [{ type: "Ready", status: ready ? "True" : "False" }] },
  };
}

const addresses = (slices: readonly EndpointSlice[]) =>
  slices.map((slice) => (slice.endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []));
const named = (slices: readonly EndpointSlice[]) =>
  slices.map((slice, i) => ({ ...slice, metadata: { ...slice.metadata, name: `s${i}` } }));

test("the first pods make a slice with their port's number and the Service's name", () => {
  const { create, update } = plan(service(), [pod(1), pod(2)], []);
  expect(addresses(create)).toEqual([["10.64.0.1", "10.64.0.2"]]);
  expect(create[0]?.ports).toEqual([{ name: "http", port: 8080, protocol: "TCP" }]);
  expect(create[0]?.metadata?.labels).toMatchObject({ "kubernetes.io/service-name": "web" });
  expect(update).toEqual([]);
});

test("nothing changes when the slices are right", () => {
  const pods = [pod(1), pod(2)];
  const { create } = plan(service(), pods, []);
  expect(plan(service(), pods, named(create))).toEqual({ create: [], update: [], delete: [] });
});

test("a pod that comes or goes changes the slice it is in", () => {
  const slices = named(plan(service(), [pod(1), pod(2)], []).create);
  const { create, update } = plan(service(), [pod(2), pod(3)], slices);
  expect(create).toEqual([]);
  expect(addresses(update)).toEqual([["10.64.0.2", "10.64.0.3"]]);
});

test("conditions tell ready, serving and terminating apart", () => {
  const conditions = (pods: Pod[], spec: Service["spec"] = {}) =>
    plan(service(spec), pods, []).create[0]?.endpoints?.map((endpoint) => endpoint.conditions);
  expect(conditions([pod(1, { ready: false })])).toEqual([{ ready: false, serving: false, terminating: false }]);
  expect(conditions([pod(1, { deleted: true })])).toEqual([{ ready: false, serving: true, terminating: true }]);
  expect(conditions([pod(1, { ready: false })], { publishNotReadyAddresses: true })).toEqual([
    { ready: true, serving: false, terminating: false },
  ]);
});

test("pods without address or that have ended are no endpoints", () => {
  expect(addresses(plan(service(), [pod(1, { ip: "" })], []).create)).toEqual([[]]);
});

test("pods whose named port has another number are in a slice of their own", () => {
  const { create } = plan(service(), [pod(1), pod(2, { port: 9090 })], []);
  expect(create.map((slice) => slice.ports?.[0]?.port)).toEqual([8080, 9090]);
});

test("a slice holds at most 100 endpoints", () => {
  const pods = Array.from({ length: 230 }, (_, i) => pod(i, { ip: `10.64.${Math.floor(i / 200)}.${i % 200}` }));
  expect(plan(service(), pods, []).create.map((slice) => slice.endpoints?.length)).toEqual([100, 100, 30]);
});

test("the last pod leaves one slice without endpoints, the others go", () => {
  const slices = named(plan(service(), [pod(1), pod(2, { port: 9090 })], []).create);
  const result = plan(service(), [], slices);
  expect(addresses(result.update)).toEqual([[]]);
  expect(result.delete).toHaveLength(1);
});

test("endpoints know the zone of their node, and follow when it changes", () => {
  const { create } = plan(service(), [pod(1)], [], () => inZone("east"));
  expect(create[0]?.endpoints?.[0]).toMatchObject({ zone: "east", nodeName: "n" });
  const { update } = plan(service(), [pod(1)], named(create), () => inZone("west"));
  expect(update[0]?.endpoints?.[0]?.zone).toBe("west");
});

test("a pod whose node is gone is no endpoint, unless all addresses are wanted", () => {
  const gone = (): undefined => undefined;
  expect(addresses(plan(service(), [pod(1)], [], gone).create)).toEqual([[]]);
  expect(addresses(plan(service({ publishNotReadyAddresses: true }), [pod(1)], [], gone).create)).toEqual([
    ["10.64.0.1"],
  ]);
});

const inZone = (zone: string): Node => ({ metadata: { name: "n", labels: { "topology.kubernetes.io/zone": zone } } });

test.each([
  ["PreferClose", { forZones: [{ name: "east" }] }],
  ["PreferSameZone", { forZones: [{ name: "east" }] }],
  ["PreferSameNode", { forNodes: [{ name: "n" }], forZones: [{ name: "east" }] }],
  [undefined, undefined],
])("traffic distribution %s hints at who should use an endpoint that is ready", (trafficDistribution, hints) => {
  const spec: Service["spec"] = trafficDistribution === undefined ? {} : { trafficDistribution };
  const { create } = plan(service(spec), [pod(1), pod(2, { ready: false })], [], () => inZone("east"));
  expect(create[0]?.endpoints?.map((endpoint) => endpoint.hints)).toEqual([hints, undefined]);
  const back = plan(service(), [pod(1), pod(2, { ready: false })], named(create), () => inZone("east"));
  expect(back.update).toHaveLength(hints === undefined ? 0 : 1);
});

test("an annotation that spreads traffic by topology counts before its distribution", () => {
  const annotated = (annotations: Record<string, string>): Service => ({
    ...service({ trafficDistribution: "PreferClose" }),
    metadata: { ...service().metadata, annotations },
  });
  const hints = (annotations: Record<string, string>) =>
    plan(annotated(annotations), [pod(1)], [], () => inZone("east")).create[0]?.endpoints?.[0]?.hints;
  expect(hints({ "service.kubernetes.io/topology-mode": "Auto" })).toBeUndefined();
  expect(hints({ "service.kubernetes.io/topology-aware-hints": "auto" })).toBeUndefined();
  expect(hints({ "service.kubernetes.io/topology-mode": "Disabled" })).toEqual({ forZones: [{ name: "east" }] });
});

test("without a zone there is nothing to prefer but the node", () => {
  const hints = (trafficDistribution: string) =>
    plan(service({ trafficDistribution }), [pod(1)], []).create[0]?.endpoints?.[0]?.hints;
  expect(hints("PreferSameZone")).toBeUndefined();
  expect(hints("PreferSameNode")).toEqual({ forNodes: [{ name: "n" }] });
});

/** Pods with numbers from `first` on. */
const many = (count: number, first = 0): Pod[] =>
  Array.from({ length: count }, (_, i) => {
    const at = first + i;
    return pod(at, { ip: `10.64.${Math.floor(at / 200)}.${at % 200}` });
  });
/** Slices with so many endpoints each. */
const filled = (...counts: number[]): EndpointSlice[] => {
  const all = plan(service(), many(counts.reduce((sum, count) => sum + count, 0)), []).create;
  const endpoints = all.flatMap((slice) => slice.endpoints ?? []);
  return named(counts.map((count) => ({ ...all[0]!, endpoints: endpoints.splice(0, count) })));
};
const sizes = (slices: readonly EndpointSlice[]) =>
  slices.map(({ metadata, endpoints }) => `${metadata?.name ?? ""} ${endpoints?.length}`);

test.each([
  ["the fullest slice that has room for all that are new", [30, 50], 10, { update: ["s1 60"], create: [] }],
  ["no slice that has room for some of them", [90, 95], 20, { update: [], create: [" 20"] }],
  ["new slices, and the rest one that has room for it", [90, 70], 120, { update: ["s1 90"], create: [" 100"] }],
])("pods that come change %s", (_, counts, more, expected) => {
  const slices = filled(...counts);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const { update, create, delete: removed } = plan(service(), many(total + more), slices);
  expect({ update: sizes(update), create: sizes(create) }).toEqual(expected);
  expect(removed).toEqual([]);
});

test("slices that change anyway take new pods first, the fullest of them most", () => {
  const slices = filled(60, 80, 50);
  // of the first and second slice a pod goes
  const pods = [...many(190).filter((_, index) => index !== 0 && index !== 60), ...many(25, 500)];
  const { update, create } = plan(service(), pods, slices);
  expect([sizes(update).sort(), create]).toEqual([["s0 63", "s1 100"], []]);
});

test("a slice whose pods all went is used for those that come", () => {
  const slices = filled(3);
  const { update, ...others } = plan(service(), many(2, 100), slices);
  expect(sizes(update)).toEqual(["s0 2"]);
  expect(others).toEqual({ create: [], delete: [] });
  const renamed = plan(service({ ports: [{ name: "https", port: 443, targetPort: 443 }] }), many(3), slices);
  expect([sizes(renamed.update), renamed.update[0]?.ports, renamed.create, renamed.delete]).toEqual([
    ["s0 3"],
    [{ name: "https", port: 443, protocol: "TCP" }],
    [],
    [],
  ]);
});

test("a Service on its way out gets no new slices; those that it has follow its pods", () => {
  const going = { ...service(), metadata: { ...service().metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } };
  expect(plan(going, [pod(1)], [])).toEqual({ create: [], update: [], delete: [] });
  const { create, update } = plan(going, many(2), filled(1));
  expect([create, sizes(update)]).toEqual([[], ["s0 2"]]);
});

test("a slice that somebody keeps from going is as good as gone", () => {
  const [slice] = filled(1) as [EndpointSlice];
  const held = { ...slice, metadata: { ...slice.metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } };
  const { create, ...others } = plan(service(), many(1), [held]);
  expect(sizes(create)).toEqual([" 1"]);
  expect(others).toEqual({ update: [], delete: [] });
});

test("a pod that is on no node is no endpoint, unless all addresses are wanted", () => {
  const { nodeName: _, ...spec } = pod(1).spec!;
  const unplaced = { ...pod(1), spec };
  expect(addresses(plan(service(), [unplaced], []).create)).toEqual([[]]);
  expect(addresses(plan(service({ publishNotReadyAddresses: true }), [unplaced], []).create)).toEqual([["10.64.0.1"]]);
});

test("a headless Service is marked, and needs no ports", () => {
  const headless = service({ clusterIP: "None", ports: [] });
  const { create } = plan(headless, [pod(1)], []);
  expect(create[0]?.metadata?.labels).toMatchObject({ "service.kubernetes.io/headless": "" });
  expect(create[0]).toMatchObject({ ports: [], endpoints: [{ addresses: ["10.64.0.1"] }] });
  const { update } = plan(service({ ports: [] }), [pod(1)], named(create));
  expect(update[0]?.metadata?.labels).not.toHaveProperty("service.kubernetes.io/headless");
});

test("the Service's labels are the slices', but for those with a meaning of their own", () => {
  const labels = { team: "a", "kubernetes.io/service-name": "other", "service.kubernetes.io/headless": "" };
  const labelled = { ...service(), metadata: { ...service().metadata, labels } };
  expect(plan(labelled, [], []).create[0]?.metadata?.labels).toEqual({
    team: "a",
    "kubernetes.io/service-name": "web",
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
  });
});

test("slices of an earlier Service of the same name go", () => {
  const old = named(plan({ ...service(), metadata: { ...service().metadata, uid: "old" } }, [pod(1)], []).create);
  const { create, update, delete: removed } = plan(service(), [pod(1)], old);
  expect([create.length, update.length, removed.length]).toEqual([1, 0, 1]);
});

test("a port that goes by a name is found among sidecars, by protocol too", () => {
  const ports = [{ name: "dns", port: 53, protocol: "UDP", targetPort: "web" }];
  const sidecar = {
    name: "s",
    restartPolicy: "Always",
    ports: [{ name: "web", containerPort: 5353, protocol: "UDP" }],
  };
  const withSidecar = { ...pod(1), spec: { ...pod(1).spec, initContainers: [sidecar] } } as Pod;
  expect(plan(service({ ports }), [withSidecar], []).create[0]?.ports).toEqual([
    { name: "dns", port: 5353, protocol: "UDP" },
  ]);
});

const both = (spec: Service["spec"] = {}): Service =>
  service({ ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "RequireDualStack", ...spec });
const ofBoth = (index: number): Pod => {
  const { status, ...rest } = pod(index);
  const podIPs = [{ ip: `10.64.0.${index}` }, { ip: `fd00::${index}` }];
  return { ...rest, status: { ...status, podIPs } };
};
const typed = (slices: readonly EndpointSlice[]) =>
  slices.map(({ addressType, endpoints }) => [
    addressType,
    ...(endpoints ?? []).flatMap((each) => each.addresses ?? []),
  ]);

test("a Service of two families has slices of each, with the addresses that pods have of it", () => {
  const { create } = plan(both(), [ofBoth(1), pod(2)], []);
  expect(typed(create)).toEqual([
    ["IPv4", "10.64.0.1", "10.64.0.2"],
    ["IPv6", "fd00::1"],
  ]);
  expect(plan(both(), [ofBoth(1), pod(2)], named(create))).toEqual({ create: [], update: [], delete: [] });
});

test("a family that no pod has an address of has a slice without endpoints", () => {
  const { create } = plan(both(), [pod(1)], []);
  expect(typed(create)).toEqual([["IPv4", "10.64.0.1"], ["IPv6"]]);
  const { update, ...others } = plan(both(), [ofBoth(1)], named(create));
  expect(typed(update)).toEqual([["IPv6", "fd00::1"]]);
  expect(others).toEqual({ create: [], delete: [] });
});

test("slices of a family that a Service has no more go, of one that it gets they come", () => {
  const slices = named(plan(both(), [ofBoth(1)], []).create);
  const { create, update, delete: removed } = plan(service({ ipFamilies: ["IPv4"] }), [ofBoth(1)], slices);
  expect([create, update, typed(removed)]).toEqual([[], [], [["IPv6", "fd00::1"]]]);
  const wider = plan(both(), [ofBoth(1)], slices.slice(0, 1));
  expect([typed(wider.create), wider.update, wider.delete]).toEqual([[["IPv6", "fd00::1"]], [], []]);
});

test("a Service of IPv6 alone has slices of that alone", () => {
  expect(typed(plan(service({ ipFamilies: ["IPv6"] }), [ofBoth(1)], []).create)).toEqual([["IPv6", "fd00::1"]]);
});
