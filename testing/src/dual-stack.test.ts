import type { KubeObject } from "@tsukube/api";
import type { Endpoints, Pod, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startManagedCluster({ serviceCidr: "10.160.0.0/24,fd00:160::/112" });
  await core("nodes", "").create({ metadata: { name: "one" } });
});
afterEach(() => cluster.close());

const core = <T extends KubeObject>(resource: string, namespace = "default") =>
  cluster.client.resource<T>({ group: "", version: "v1", resource }, namespace);
const settle = () => cluster.clock.advance(1000);

async function run(name: string, ...ips: readonly string[]): Promise<void> {
  const { pods } = new PodActor(cluster);
  const spec = { nodeName: "one", containers: [{ name: "c", image: "i" }] };
  const pod: Pod = await pods.create({ metadata: { name, labels: { app: "web" } }, spec });
  const conditions = [{ type: "Ready", status: "True" }];
  const podIPs = ips.map((ip) => ({ ip }));
  await pods.updateStatus({ ...pod, status: { phase: "Running", podIP: ips[0]!, podIPs, conditions } });
  await settle();
}

/** Types and addresses of the slices of a Service. */
async function slicesOf(name: string): Promise<readonly (readonly string[])[]> {
  const resource = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" };
  const slices = cluster.client.resource<EndpointSlice>(resource, "default");
  const { items } = await slices.list({ labelSelector: `kubernetes.io/service-name=${name}` });
  const shown = items.map(({ addressType = "", endpoints }) => [
    addressType,
    ...(endpoints ?? []).flatMap(({ addresses }) => addresses ?? []).toSorted(),
  ]);
  return shown.toSorted();
}

async function change(name: string, spec: Service["spec"]): Promise<void> {
  await core<Service>("services").patch(name, { type: "merge", body: { spec } });
  await settle();
}

test("slices follow a Service from one family to two and back, Endpoints stay of the first", async () => {
  await core<Service>("services").create({
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
  });
  await run("old", "10.64.0.2");
  await run("new", "10.64.0.3", "fd00:64::3");
  expect(await slicesOf("web")).toEqual([["IPv4", "10.64.0.2", "10.64.0.3"]]);
  await change("web", { ipFamilyPolicy: "RequireDualStack" });
  expect(await slicesOf("web")).toEqual([
    ["IPv4", "10.64.0.2", "10.64.0.3"],
    ["IPv6", "fd00:64::3"],
  ]);
  const { subsets } = await core<Endpoints>("endpoints").get("web");
  expect(subsets?.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip))).toEqual(["10.64.0.2", "10.64.0.3"]);
  await change("web", { ipFamilyPolicy: "SingleStack" });
  expect(await slicesOf("web")).toEqual([["IPv4", "10.64.0.2", "10.64.0.3"]]);
});

test("a Service of IPv6 alone has slices and Endpoints of that, a headless one of both has slices of both", async () => {
  await run("new", "10.64.0.3", "fd00:64::3");
  const spec = { selector: { app: "web" }, ports: [{ port: 80 }] };
  await core<Service>("services").create({ metadata: { name: "six" }, spec: { ...spec, ipFamilies: ["IPv6"] } });
  const headless = { ...spec, clusterIP: "None", ipFamilyPolicy: "PreferDualStack" };
  await core<Service>("services").create({ metadata: { name: "headless" }, spec: headless });
  await settle();
  expect(await slicesOf("six")).toEqual([["IPv6", "fd00:64::3"]]);
  expect((await core<Endpoints>("endpoints").get("six")).subsets?.[0]?.addresses?.[0]?.ip).toBe("fd00:64::3");
  expect(await slicesOf("headless")).toEqual([
    ["IPv4", "10.64.0.3"],
    ["IPv6", "fd00:64::3"],
  ]);
});

test("Endpoints that somebody writes are mirrored into slices of each family", async () => {
  await core<Service>("services").create({
    metadata: { name: "own" },
    spec: { clusterIP: "None", ports: [{ port: 80 }] },
  });
  const addresses = [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }];
  await core<Endpoints>("endpoints").create({
    metadata: { name: "own" },
    subsets: [{ addresses, ports: [{ port: 80 }] }],
  });
  await settle();
  expect(await slicesOf("own")).toEqual([
    ["IPv4", "192.0.2.1"],
    ["IPv6", "2001:db8::1"],
  ]);
});
