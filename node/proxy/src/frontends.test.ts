import type { Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { expect, test } from "vitest";
import { staleFlows } from "./conntrack.ts";
import { type Frontend, frontendsOf } from "./frontends.ts";

const service = (spec: Service["spec"]): Service => ({
  metadata: { namespace: "default", name: "web" },
  ...(spec ? { spec } : {}),
});
const ports = [{ name: "http", port: 80, nodePort: 30080 }];

type Endpoint = NonNullable<EndpointSlice["endpoints"]>[number];
const slice = (...endpoints: Endpoint[]): EndpointSlice => ({
  addressType: "IPv4",
  endpoints,
  ports: [{ name: "http", port: 8080, protocol: "TCP" }],
});
const ready = (address: string, nodeName = "n1"): Endpoint => ({
  addresses: [address],
  conditions: { ready: true },
  nodeName,
});

const frontends = (spec: Service["spec"], ...endpoints: Endpoint[]) =>
  frontendsOf([service(spec)], () => [slice(...endpoints)], "n1");

test("a ClusterIP Service has one frontend with every ready endpoint", () => {
  const [only, ...rest] = frontends(
    { clusterIP: "10.160.0.9", ports: [{ name: "http", port: 80 }] },
    ready("10.64.0.3"),
    ready("10.64.0.2"),
  );
  expect(rest).toEqual([]);
  expect(only).toMatchObject({ address: "10.160.0.9", protocol: "tcp", port: 80, masquerade: false });
  expect(only?.backends).toEqual(["10.64.0.2:8080", "10.64.0.3:8080"]);
});

test("a Service of two families has frontends of each, with endpoints of its family", () => {
  const spec = {
    type: "NodePort",
    clusterIP: "10.160.0.9",
    clusterIPs: ["10.160.0.9", "fd00:160::9"],
    ipFamilies: ["IPv4", "IPv6"],
    externalIPs: ["2001:db8::7"],
    ports,
  };
  const six = { ...slice(ready("fd00:64::2"), ready("fd00:64::3")), addressType: "IPv6" };
  const all = frontendsOf([service(spec)], () => [slice(ready("10.64.0.2")), six], "n1");
  const four = ["10.64.0.2:8080"];
  const both = ["[fd00:64::2]:8080", "[fd00:64::3]:8080"];
  expect(all.map(({ family, address, port, backends }) => [family, address, port, backends])).toEqual([
    ["IPv4", "10.160.0.9", 80, four],
    ["IPv4", undefined, 30080, four],
    ["IPv6", "fd00:160::9", 80, both],
    ["IPv6", "2001:db8::7", 80, both],
    ["IPv6", undefined, 30080, both],
  ]);
});

test("headless and ExternalName Services have none", () => {
  expect(frontends({ clusterIP: "None", ports }, ready("10.64.0.2"))).toEqual([]);
  expect(frontends({ type: "ExternalName", externalName: "x", ports }, ready("10.64.0.2"))).toEqual([]);
});

test("externalTrafficPolicy Local keeps to this node's endpoints and to the client's address", () => {
  const spec = { type: "NodePort", clusterIP: "10.160.0.9", ports, externalTrafficPolicy: "Local" };
  const [cluster, node] = frontends(spec, ready("10.64.0.2", "n1"), ready("10.65.0.2", "n2"));
  expect(cluster?.backends).toHaveLength(2);
  expect(node).toMatchObject({ address: undefined, port: 30080, backends: ["10.64.0.2:8080"], masquerade: false });
});

test("endpoints that terminate serve only while none is ready", () => {
  const ending: Endpoint = { addresses: ["10.64.0.9"], conditions: { ready: false, serving: true, terminating: true } };
  const spec = { clusterIP: "10.160.0.9", ports: [{ name: "http", port: 80 }] };
  expect(frontends(spec, ending)[0]?.backends).toEqual(["10.64.0.9:8080"]);
  expect(frontends(spec, ending, ready("10.64.0.2"))[0]?.backends).toEqual(["10.64.0.2:8080"]);
});

test("UDP flows to backends that left, or to none while there was none, are stale", () => {
  const udp = (...backends: string[]): Frontend => ({
    service: "kube-system/kube-dns:dns",
    family: "IPv4",
    address: "10.160.0.10",
    protocol: "udp",
    port: 53,
    backends,
    masquerade: false,
    affinitySeconds: 0,
  });
  expect(staleFlows([udp("10.64.0.2:53", "10.64.0.3:53")], [udp("10.64.0.3:53")])).toEqual([
    { family: "IPv4", address: "10.160.0.10", port: 53, backend: "10.64.0.2" },
  ]);
  expect(staleFlows([udp()], [udp("10.64.0.3:53")])).toEqual([
    { family: "IPv4", address: "10.160.0.10", port: 53, backend: undefined },
  ]);
  expect(staleFlows([udp("10.64.0.3:53")], [udp("10.64.0.3:53")])).toEqual([]);
});
