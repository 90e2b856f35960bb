import type { Pod, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { expect, test } from "vitest";
import { plan } from "./plan.ts";

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
