import type { Node, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { createClient, createInformerFactory } from "@tsukube/client";
import { type Clock, Lifetime, silentLogger } from "@tsukube/foundation";
import { createHttpServer, createMetrics } from "@tsukube/host";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type ServiceProxy, startProxy } from "./proxy.ts";

const NODES = { group: "", version: "v1", resource: "nodes" };
const SERVICES = { group: "", version: "v1", resource: "services" };
const SLICES = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" };

let lifetime: Lifetime;
let cluster: Cluster;
let clock: Clock;
const metrics = () => exposed.expose();
let exposed: ReturnType<typeof createMetrics>;
let proxy: ServiceProxy;
let url: string;
/** What the kernel says to the next script. */
let kernel: () => Promise<void>;

beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
  clock = cluster.clock;
  exposed = createMetrics();
  kernel = async () => {};
  await cluster.client.resource(NODES).create({ metadata: { name: "n" } });
  const transport = createClient(cluster.transport, { userAgent: "proxy", clock });
  const random = seededRandom(1);
  const informers = createInformerFactory(transport, { clock, random, logger: silentLogger, unserved: "empty" });
  lifetime.own("informers", informers);
  proxy = startProxy({
    ...{ informers, clock, metrics: exposed, logger: silentLogger, nodeName: "n" },
    ...{ table: "t", serviceCidr: "10.160.0.0/16", bridge: "b" },
    kernel: { apply: () => kernel(), forgetFlows: async () => {} },
  });
  lifetime.own("proxy", proxy);
  const server = lifetime.own("server", createHttpServer(proxy.health.handle));
  url = `http://127.0.0.1:${await server.listen("127.0.0.1", 0)}`;
  await cluster.clock.advance(100);
  await proxy.synced;
});
afterEach(() => lifetime.close());

async function health(path: string): Promise<readonly [number, Record<string, unknown>]> {
  const response = await fetch(url + path);
  return [response.status, (await response.json()) as Record<string, unknown>];
}

const value = (series: string): number =>
  Number(
    metrics()
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.split(" ")[1],
  );
const service = (name: string) =>
  cluster.client.resource<Service>(SERVICES, "default").create({ metadata: { name }, spec: { ports: [{ port: 80 }] } });

type Slice = Pick<EndpointSlice, "endpoints" | "ports"> & Partial<Pick<EndpointSlice, "addressType">>;

const slice = (name: string, what: Slice, annotations = {}) =>
  cluster.client.resource<EndpointSlice>(SLICES, "default").create({
    metadata: { name, annotations, labels: { "kubernetes.io/service-name": name } },
    ...{ addressType: "IPv4", ...what },
  });

const SERVED: Slice = {
  endpoints: [{ addresses: ["10.64.0.2"], conditions: { ready: true } }],
  ports: [{ port: 80 }],
};

test("a node is healthy while its Services are served as they are", async () => {
  const now = expect.stringMatching(/^20.*Z$/);
  const status = { IPv4: { lastUpdated: now, healthy: true } };
  expect(await health("/healthz")).toEqual([
    200,
    { lastUpdated: now, currentTime: now, nodeEligible: true, healthy: true, status },
  ]);
  expect(await health("/livez?x")).toEqual([200, { lastUpdated: now, currentTime: now, healthy: true, status }]);
  kernel = () => Promise.reject(new Error("busy"));
  await service("late");
  await slice("late", SERVED);
  await cluster.clock.advance(59_000);
  expect((await health("/healthz"))[0]).toBe(200);
  await cluster.clock.advance(2000);
  expect(await health("/livez")).toMatchObject([503, { healthy: false, status: { IPv4: { healthy: false } } }]);
  expect(value('kubeproxy_sync_proxy_rules_nftables_sync_failures_total{ip_family="IPv4"}')).toBeGreaterThan(50);
  kernel = async () => {};
  await cluster.clock.advance(2000);
  expect((await health("/livez"))[0]).toBe(200);
  expect([value('kubeproxy_proxy_livez_total{code="200"}'), value('kubeproxy_proxy_livez_total{code="503"}')]).toEqual([
    2, 1,
  ]);
  expect((await fetch(`${url}/other`)).status).toBe(404);
});

test("what changes while something else is written waits from then on", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  kernel = () => promise;
  await service("first");
  await slice("first", SERVED);
  await cluster.clock.advance(1500);
  await service("second");
  await slice("second", SERVED);
  await cluster.clock.advance(10);
  kernel = () => Promise.reject(new Error("busy"));
  resolve();
  await cluster.clock.advance(61_000);
  expect((await health("/livez"))[0]).toBe(503);
});

test("a node that is to go gets no new connections, and is alive", async () => {
  const key = "ToBeDeletedByClusterAutoscaler";
  const node = await cluster.client.resource<Node>(NODES).get("n");
  await cluster.client.resource<Node>(NODES).update({ ...node, spec: { taints: [{ key, effect: "NoSchedule" }] } });
  await cluster.clock.advance(100);
  expect(await health("/healthz")).toMatchObject([503, { nodeEligible: false, healthy: true }]);
  expect((await health("/livez"))[0]).toBe(200);
});

test("changes are counted until they are written, and how long that took", async () => {
  const rules = "kubeproxy_sync_proxy_rules";
  const before = value(`${rules}_service_changes_total`);
  const written = value(`${rules}_duration_seconds_count{ip_family="IPv4"}`);
  await service("web");
  await cluster.clock.advance(5);
  expect([value(`${rules}_service_changes_pending`), value(`${rules}_service_changes_total`)]).toEqual([1, before + 1]);
  await cluster.clock.advance(100);
  expect(value(`${rules}_service_changes_pending`)).toBe(0);
  expect(value(`${rules}_duration_seconds_count{ip_family="IPv4"}`)).toBe(written + 1);
  expect(value(`${rules}_last_timestamp_seconds{ip_family="IPv4"}`)).toBeGreaterThanOrEqual(
    value(`${rules}_last_queued_timestamp_seconds{ip_family="IPv4"}`),
  );
  const at = new Date(clock.now() - 3000).toISOString();
  const trigger = "endpoints.kubernetes.io/last-change-trigger-time";
  await slice("web", { endpoints: [], ports: [] }, { [trigger]: at });
  await slice("odd", { endpoints: [], ports: [] }, { [trigger]: "never" });
  await slice("elsewhere", { addressType: "IPv6", endpoints: [], ports: [] }, { [trigger]: at });
  await cluster.clock.advance(100);
  const programming = "kubeproxy_network_programming_duration_seconds_bucket";
  expect([2, 4].map((le) => value(`${programming}{ip_family="IPv4",le="${le}"}`))).toEqual([0, 1]);
  expect(value('kubeproxy_network_programming_duration_seconds_sum{ip_family="IPv4"}')).toBeGreaterThan(2.9);
  expect(metrics()).not.toContain('ip_family="IPv6"');
});
