import type { Unstructured } from "@tsukube/api";
import type { Endpoints, Event, Node, Pod, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
let actor: PodActor;
let services: ResourceClient<Service>;
let endpoints: ResourceClient<Endpoints>;
let slices: ResourceClient<EndpointSlice>;
let nodes: ResourceClient<Node>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  actor = new PodActor(cluster);
  const core = (resource: string) => ({ group: "", version: "v1", resource });
  services = cluster.client.resource(core("services"), "default");
  endpoints = cluster.client.resource(core("endpoints"), "default");
  nodes = cluster.client.resource(core("nodes"));
  slices = cluster.client.resource({ group: "discovery.k8s.io", version: "v1", resource: "endpointslices" }, "default");
  await nodes.create({ metadata: { name: "one", labels: { "topology.kubernetes.io/zone": "east" } } });
});
afterEach(() => cluster.close());

const settle = () => cluster.clock.advance(1000);
const spec = { selector: { app: "web" }, ports: [{ port: 80, targetPort: "http" }] };

async function createService(name: string, more: Service["spec"] = spec): Promise<void> {
  await services.create({ metadata: { name, labels: { team: "a" } }, spec: more });
  await settle();
}

/** A pod that runs on node "one" and is ready. */
async function run(name: string, ip: string, containerPort = 8080): Promise<Pod> {
  const container = { name: "c", image: "i", ports: [{ name: "http", containerPort }] };
  const pod = await actor.pods.create({
    metadata: { name, labels: { app: "web" } },
    spec: { nodeName: "one", containers: [container] },
  });
  const conditions = [{ type: "Ready", status: "True" }];
  const status = { phase: "Running", podIP: ip, podIPs: [{ ip }], conditions };
  const running = await actor.pods.updateStatus({ ...pod, status });
  await settle();
  return running;
}

const ofService = async (name: string) =>
  (await slices.list({ labelSelector: `kubernetes.io/service-name=${name}` })).items;
const addresses = async (name: string) =>
  (await ofService(name)).flatMap((slice) => (slice.endpoints ?? []).flatMap(({ addresses: all }) => all)).sort();
const subsetsOf = async (name: string) => (await endpoints.get(name)).subsets;

test("a Service leads to its pods, in both forms", async () => {
  await createService("web");
  expect((await endpoints.get("web")).metadata?.labels).toEqual({
    team: "a",
    "endpoints.kubernetes.io/managed-by": "endpoint-controller",
  });
  expect(await subsetsOf("web")).toBeUndefined();
  expect(await addresses("web")).toEqual([]);
  await run("a", "10.64.0.1");
  const b = await run("b", "10.64.0.2", 9090);
  expect(await subsetsOf("web")).toMatchObject([
    { addresses: [{ ip: "10.64.0.1", nodeName: "one", targetRef: { name: "a" } }], ports: [{ port: 8080 }] },
    { addresses: [{ ip: "10.64.0.2" }], ports: [{ port: 9090 }] },
  ]);
  expect(await addresses("web")).toEqual(["10.64.0.1", "10.64.0.2"]);
  expect((await ofService("web"))[0]?.endpoints?.[0]?.zone).toBe("east");
  await actor.unready(b);
  await settle();
  expect((await subsetsOf("web"))?.[1]).toMatchObject({ notReadyAddresses: [{ ip: "10.64.0.2" }] });
});

test("endpoints tell when what changed them did", async () => {
  const told = async () =>
    [await endpoints.get("web"), ...(await ofService("web"))].map(
      ({ metadata }) => metadata?.annotations?.["endpoints.kubernetes.io/last-change-trigger-time"],
    );
  await createService("web");
  const { creationTimestamp } = (await services.get("web")).metadata ?? {};
  expect(await told()).toEqual([creationTimestamp, creationTimestamp]);
  await cluster.clock.advance(60_000);
  const pod = await run("a", "10.64.0.1");
  expect(await told()).toEqual([undefined, undefined]); // its condition has no time
  await cluster.clock.advance(60_000);
  await actor.unready(pod);
  await settle();
  const { lastTransitionTime } =
    (await actor.pods.get("a")).status?.conditions?.find(({ type }) => type === "Ready") ?? {};
  expect(lastTransitionTime).toMatch(/Z$/);
  expect(await told()).toEqual([lastTransitionTime, lastTransitionTime]);
});

test("a Service whose endpoints are refused says why", async () => {
  const admission = (resource: string) =>
    cluster.client.resource<Unstructured>({ group: "admissionregistration.k8s.io", version: "v1", resource });
  const rules = [
    {
      apiGroups: ["", "discovery.k8s.io"],
      apiVersions: ["v1"],
      resources: ["endpoints", "endpointslices"],
      operations: ["CREATE"],
    },
  ];
  const policy = {
    matchConstraints: { resourceRules: rules },
    validations: [{ expression: "false", message: "not today" }],
  };
  await admission("validatingadmissionpolicies").create({ metadata: { name: "none" }, spec: policy } as never);
  const binding = { policyName: "none", validationActions: ["Deny"] };
  await admission("validatingadmissionpolicybindings").create({ metadata: { name: "none" }, spec: binding } as never);
  await settle();
  await createService("web");
  await settle();
  const events = cluster.client.resource<Event>({ group: "", version: "v1", resource: "events" }, "default");
  const told = (await events.list()).items.map(({ reason, involvedObject, message }) => [
    reason,
    involvedObject.kind,
    message,
  ]);
  expect(told).toContainEqual([
    "FailedToUpdateEndpointSlices",
    "Service",
    expect.stringMatching(/^Error updating Endpoint Slices for Service default\/web: .*not today/),
  ]);
  expect(told).toContainEqual([
    "FailedToCreateEndpoint",
    "Endpoints",
    expect.stringMatching(/^Failed to create endpoint for service default\/web: .*not today/),
  ]);
});

test("a pod that is going still serves in the slice, and is out of the Endpoints", async () => {
  await createService("web");
  await run("a", "10.64.0.1");
  await actor.pods.delete("a");
  await settle();
  expect(await subsetsOf("web")).toBeUndefined();
  expect((await ofService("web"))[0]?.endpoints?.[0]?.conditions).toEqual({
    ready: false,
    serving: true,
    terminating: true,
  });
});

test("what a Service leaves behind goes with it", async () => {
  await createService("web");
  await run("a", "10.64.0.1");
  await services.delete("web");
  await settle();
  expect(await ofService("web")).toEqual([]);
  expect((await endpoints.list()).items.map(({ metadata }) => metadata?.name)).toEqual(["kubernetes"]);
});

test("Endpoints and slices that somebody deletes come back", async () => {
  await createService("web");
  await run("a", "10.64.0.1");
  await endpoints.delete("web");
  await slices.deleteCollection({ labelSelector: "kubernetes.io/service-name=web" });
  await settle();
  expect(await subsetsOf("web")).toHaveLength(1);
  expect(await addresses("web")).toEqual(["10.64.0.1"]);
  expect(await ofService("web")).toHaveLength(1);
});

test("a node that is gone takes its pods out of the slices", async () => {
  await createService("web");
  await run("a", "10.64.0.1");
  await nodes.delete("one");
  await settle();
  expect(await addresses("web")).toEqual([]);
});

test("Endpoints made by hand are mirrored, and their slices follow them", async () => {
  await createService("db", { ports: [{ port: 5432 }] });
  const subset = (...ips: string[]) => ({ addresses: ips.map((ip) => ({ ip })), ports: [{ port: 5432 }] });
  const made = await endpoints.create({ metadata: { name: "db" }, subsets: [subset("192.0.2.1", "192.0.2.2")] });
  await settle();
  expect(await addresses("db")).toEqual(["192.0.2.1", "192.0.2.2"]);
  await endpoints.update({ ...made, subsets: [subset("192.0.2.3")] });
  await settle();
  expect(await addresses("db")).toEqual(["192.0.2.3"]);
  const labels = { "endpointslice.kubernetes.io/skip-mirror": "true" };
  await endpoints.patch("db", { type: "merge", body: { metadata: { labels } } });
  await settle();
  expect(await ofService("db")).toEqual([]);
  await endpoints.patch("db", { type: "merge", body: { metadata: { labels: null } } });
  await services.delete("db");
  await settle();
  expect(await ofService("db")).toEqual([]);
  await expect(endpoints.get("db")).rejects.toThrow("not found");
});

test("Endpoints that have no Service stay as they are", async () => {
  await endpoints.create({ metadata: { name: "other" }, subsets: [{ addresses: [{ ip: "192.0.2.1" }] }] });
  await settle();
  expect(await subsetsOf("other")).toHaveLength(1);
  expect(await ofService("other")).toEqual([]);
});
