import type { Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { expect, test } from "vitest";
import { type ClusterView, lookup, reverseLookup } from "./zone.ts";

const ZONE = "cluster.local";
const meta = (name: string) => ({ namespace: "default", name });
const services: Service[] = [
  {
    metadata: meta("web"),
    spec: { clusterIP: "10.160.0.9", clusterIPs: ["10.160.0.9"], ports: [{ name: "http", port: 80, protocol: "TCP" }] },
  },
  { metadata: meta("store"), spec: { clusterIP: "None", clusterIPs: ["None"], ports: [{ name: "http", port: 7000 }] } },
  {
    metadata: meta("both"),
    spec: { clusterIP: "10.160.0.8", clusterIPs: ["10.160.0.8", "fd00:160::8"], ports: [{ name: "http", port: 80 }] },
  },
  { metadata: meta("dual"), spec: { clusterIP: "None", clusterIPs: ["None"], ports: [{ name: "http", port: 7000 }] } },
  { metadata: meta("empty"), spec: { clusterIP: "None", clusterIPs: ["None"] } },
  { metadata: meta("out"), spec: { type: "ExternalName", externalName: "example.org" } },
];
const slices: EndpointSlice[] = [
  {
    metadata: { namespace: "default", name: "store-x", labels: { "kubernetes.io/service-name": "store" } },
    addressType: "IPv4",
    ports: [{ name: "http", port: 7000, protocol: "TCP" }],
    endpoints: [
      { addresses: ["10.64.0.2"], hostname: "store-0", conditions: { ready: true } },
      { addresses: ["10.64.0.3"], conditions: { ready: true } },
      { addresses: ["10.64.0.4"], hostname: "store-2", conditions: { ready: false } },
    ],
  },
  ...(["IPv4", "IPv6"] as const).map((addressType) => ({
    metadata: { namespace: "default", name: `dual-${addressType}`, labels: { "kubernetes.io/service-name": "dual" } },
    addressType,
    ports: [{ name: "http", port: 7000, protocol: "TCP" }],
    endpoints: [
      {
        addresses: [addressType === "IPv4" ? "10.64.0.5" : "fd00:64::5"],
        hostname: "dual-0",
        conditions: { ready: true },
      },
    ],
  })),
];
const view: ClusterView = {
  service: (namespace, name) => services.find((s) => s.metadata?.namespace === namespace && s.metadata?.name === name),
  slices: (_namespace, service) => slices.filter((s) => s.metadata?.labels?.["kubernetes.io/service-name"] === service),
  hasNamespace: (namespace) => namespace === "default",
  serviceByAddress: (address) => services.find((s) => s.spec?.clusterIPs?.includes(address)),
  slicesByAddress: (address) => slices.filter((s) => s.endpoints?.some((e) => e.addresses?.includes(address))),
};

const ask = (name: string, type = "A") => {
  const { result, answers } = lookup(view, ZONE, name === "" ? [] : name.split("."), type);
  return result === "no-such-name" ? "NXDOMAIN" : answers.map((record) => record.data);
};

test.each([
  ["web.default.svc", "A", ["10.160.0.9"]],
  ["web.default.svc", "AAAA", []],
  ["web.default.svc", "MX", []],
  ["both.default.svc", "A", ["10.160.0.8"]],
  ["both.default.svc", "AAAA", ["fd00:160::8"]],
  ["dual.default.svc", "A", ["10.64.0.5"]],
  ["dual.default.svc", "AAAA", ["fd00:64::5"]],
  ["dual-0.dual.default.svc", "AAAA", ["fd00:64::5"]],
  ["fd00-64--5.default.pod", "AAAA", ["fd00:64::5"]],
  ["nothing.default.svc", "A", "NXDOMAIN"],
  ["web.nowhere.svc", "A", "NXDOMAIN"],
  ["default.svc", "A", []],
  ["nowhere.svc", "A", "NXDOMAIN"],
  ["svc", "A", []],
  ["", "A", []],
  ["other", "A", "NXDOMAIN"],
  ["store.default.svc", "A", ["10.64.0.2", "10.64.0.3"]],
  ["store-0.store.default.svc", "A", ["10.64.0.2"]],
  ["10-64-0-3.store.default.svc", "A", ["10.64.0.3"]],
  ["store-2.store.default.svc", "A", "NXDOMAIN"],
  ["empty.default.svc", "A", "NXDOMAIN"],
  ["out.default.svc", "A", ["example.org"]],
  ["10-64-0-9.default.pod", "A", ["10.64.0.9"]],
  ["x.default.pod", "A", "NXDOMAIN"],
  ["10-64-0-9.nowhere.pod", "A", "NXDOMAIN"],
  ["dns-version", "TXT", [["1.1.0"]]],
])("%s %s", (name, type, expected) => {
  expect(ask(name, type)).toEqual(expected);
});

test("SRV of a ClusterIP Service leads to it, and its address comes along", () => {
  const { answers, additionals } = lookup(view, ZONE, ["_http", "_tcp", "web", "default", "svc"], "SRV");
  expect(answers.map((record) => record.data)).toEqual([
    { priority: 0, weight: 100, port: 80, target: "web.default.svc.cluster.local" },
  ]);
  expect(additionals.map((record) => record.data)).toEqual(["10.160.0.9"]);
  expect(ask("_other._tcp.web.default.svc", "SRV")).toBe("NXDOMAIN");
});

test("SRV of a headless Service leads to each ready pod", () => {
  const { answers } = lookup(view, ZONE, ["_http", "_tcp", "store", "default", "svc"], "SRV");
  expect(answers.map((record) => (record.type === "SRV" ? record.data.target : ""))).toEqual([
    "store-0.store.default.svc.cluster.local",
    "10-64-0-3.store.default.svc.cluster.local",
  ]);
});

test("SRV leads to a pod of two families once, and both of its addresses come along", () => {
  const { answers, additionals } = lookup(view, ZONE, ["_http", "_tcp", "dual", "default", "svc"], "SRV");
  expect(answers.map((record) => (record.type === "SRV" ? record.data.target : ""))).toEqual([
    "dual-0.dual.default.svc.cluster.local",
  ]);
  expect(additionals.map((record) => record.data)).toEqual(["10.64.0.5", "fd00:64::5"]);
});

test("addresses lead back to Services and to the pods of headless ones", () => {
  const names = (address: string) => reverseLookup(view, ZONE, address, "x")?.answers.map((record) => record.data);
  expect(names("10.160.0.9")).toEqual(["web.default.svc.cluster.local"]);
  expect(names("10.64.0.2")).toEqual(["store-0.store.default.svc.cluster.local"]);
  expect(names("fd00:160::8")).toEqual(["both.default.svc.cluster.local"]);
  expect(names("fd00:64::5")).toEqual(["dual-0.dual.default.svc.cluster.local"]);
  expect(names("192.0.2.1")).toBeUndefined();
});
