import { ApiError } from "@tsukube/api";
import type { Deployment } from "@tsukube/api/types/apps-v1";
import type { Event, Pod } from "@tsukube/api/types/core-v1";
import type { Eviction, PodDisruptionBudget, PodDisruptionBudgetSpec } from "@tsukube/api/types/policy-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { NodeActor } from "./node-actor.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
let actor: PodActor;
let budgets: ResourceClient<PodDisruptionBudget>;
let deployments: ResourceClient<Deployment>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  actor = new PodActor(cluster);
  budgets = cluster.client.resource({ group: "policy", version: "v1", resource: "poddisruptionbudgets" }, "default");
  deployments = cluster.client.resource({ group: "apps", version: "v1", resource: "deployments" }, "default");
  await new NodeActor(cluster).join("one");
});
afterEach(() => cluster.close());

const labels = { app: "web" };
const selector = { matchLabels: labels };
const settle = () => cluster.clock.advance(1000);

/** A Deployment with as many ready pods, on a node, and a budget for them. */
async function create(replicas: number, spec: PodDisruptionBudgetSpec): Promise<void> {
  const template = { metadata: { labels }, spec: { nodeName: "one", containers: [{ name: "c", image: "i" }] } };
  await deployments.create({ metadata: { name: "web" }, spec: { replicas, selector, template } });
  await budgets.create({ metadata: { name: "web" }, spec: { selector, ...spec } });
  await settle();
  await actor.settle();
}

async function evict(name: string, more: Partial<Eviction> = {}, query = ""): Promise<ApiError | undefined> {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace: "default" }, ...more };
  try {
    await cluster.client.raw("POST", `/api/v1/namespaces/default/pods/${name}/eviction${query}`, body);
    return undefined;
  } catch (error) {
    return ApiError.from(error);
  }
}

const counts = async () => {
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = (await budgets.get("web")).status ?? {};
  return [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods];
};
const going = async () => (await actor.list()).filter(({ metadata }) => metadata?.deletionTimestamp !== undefined);
const nameOf = ({ metadata }: Pod) => metadata?.name ?? "";

test("evictions go on as far as the budget allows, and again once pods were replaced", async () => {
  await create(3, { minAvailable: "60%" });
  expect(await counts()).toEqual([1, 3, 2, 3]);
  const [a, b] = await actor.names();
  expect(await evict(a!)).toBeUndefined();
  const refused = await evict(b!);
  expect(refused?.httpCode).toBe(429);
  expect(refused?.status.details?.causes).toEqual([
    { reason: "DisruptionBudget", message: "The disruption budget web needs 2 healthy pods and has 2 currently" },
  ]);
  await settle();
  expect(await counts()).toEqual([0, 2, 2, 3]);
  const [gone] = await going();
  expect(gone?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: "DisruptionTarget", reason: "EvictionByEvictionAPI" }),
  );
  await actor.release(gone!);
  await actor.settle();
  expect(await counts()).toEqual([1, 3, 2, 3]);
  expect((await budgets.get("web")).status?.disruptedPods).toBeUndefined();
  expect(await evict(b!)).toBeUndefined();
});

test("a dry run is answered alike and changes nothing", async () => {
  await create(2, { maxUnavailable: 1 });
  const [a] = await actor.names();
  expect(await evict(a!, {}, "?dryRun=All")).toBeUndefined();
  expect(await evict(a!, { deleteOptions: { dryRun: ["All"] } })).toBeUndefined();
  await settle();
  expect([await counts(), await going()]).toEqual([[1, 2, 1, 2], []]);
  await budgets.patch("web", { type: "merge", body: { spec: { maxUnavailable: 0 } } });
  await settle();
  expect((await evict(a!, {}, "?dryRun=All"))?.httpCode).toBe(429);
});

test("a pod that is not ready goes if the policy lets it, without cost", async () => {
  await create(3, { minAvailable: 3 });
  const [first] = await actor.list();
  await actor.unready(first!);
  await settle();
  expect((await evict(nameOf(first!)))?.httpCode).toBe(429);
  await budgets.patch("web", { type: "merge", body: { spec: { unhealthyPodEvictionPolicy: "AlwaysAllow" } } });
  await settle();
  expect(await evict(nameOf(first!))).toBeUndefined();
  expect((await budgets.get("web")).status?.disruptedPods).toBeUndefined();
});

test("a pod that never ran needs no budget; one with two budgets cannot be evicted", async () => {
  await create(1, { minAvailable: 1 });
  const pending = await actor.pods.create({
    metadata: { name: "pending", labels },
    spec: { containers: [{ name: "c", image: "i" }] },
  });
  expect(await evict(nameOf(pending))).toBeUndefined();
  await budgets.create({ metadata: { name: "second" }, spec: { selector, minAvailable: 0 } });
  await settle();
  const [running] = await actor.names();
  const refused = await evict(running!);
  expect([refused?.httpCode, refused?.message]).toEqual([500, expect.stringContaining("more than one")]);
});

test("pods of a custom resource are counted by its scale", async () => {
  const names = { plural: "herds", singular: "herd", kind: "Herd", listKind: "HerdList" };
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
  const version = { name: "v1", served: true, storage: true, schema, subresources: { status: {}, scale } };
  const spec = { group: "example.com", scope: "Namespaced", names, versions: [version] };
  const definition = { group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" };
  await cluster.client.resource(definition).create({ metadata: { name: "herds.example.com" }, spec } as object);
  await settle();
  const herds = cluster.client.resource({ group: "example.com", version: "v1", resource: "herds" }, "default");
  const kind = { apiVersion: "example.com/v1", kind: "Herd" };
  const herd = await herds.create({ ...kind, metadata: { name: "h" }, spec: { replicas: 4 } } as object);
  const owner = { ...kind, name: "h", uid: herd.metadata?.uid ?? "", controller: true };
  for (const name of ["a", "b", "c"]) {
    const metadata = { name, labels, ownerReferences: [owner] };
    await actor.pods.create({ metadata, spec: { nodeName: "one", containers: [{ name: "c", image: "i" }] } });
  }
  await actor.settle();
  await budgets.create({ metadata: { name: "web" }, spec: { selector, minAvailable: "50%" } });
  await settle();
  expect(await counts()).toEqual([1, 3, 2, 4]);
});

test("a budget whose pods have an owner without scale allows nothing, and says why", async () => {
  const maps = cluster.client.resource({ group: "", version: "v1", resource: "configmaps" }, "default");
  const map = await maps.create({ metadata: { name: "m" } });
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "m", uid: map.metadata?.uid ?? "", controller: true };
  const metadata = { name: "a", labels, ownerReferences: [owner] };
  await actor.pods.create({ metadata, spec: { nodeName: "one", containers: [{ name: "c", image: "i" }] } });
  await budgets.create({ metadata: { name: "web" }, spec: { selector, maxUnavailable: 1 } });
  await settle();
  expect((await budgets.get("web")).status?.conditions).toMatchObject([
    { status: "False", reason: "SyncFailed", message: "configmaps does not implement the scale subresource" },
  ]);
});

test("pods without an owner are told of where a share was asked for", async () => {
  await actor.pods.create({ metadata: { name: "a", labels }, spec: { containers: [{ name: "c", image: "i" }] } });
  await budgets.create({ metadata: { name: "web" }, spec: { selector, minAvailable: "50%" } });
  await settle();
  const events = cluster.client.resource<Event>({ group: "", version: "v1", resource: "events" }, "default");
  expect((await events.list()).items.map(({ reason }) => reason)).toContain("UnmanagedPods");
});

test("a mark on a pod that nobody deleted goes after two minutes", async () => {
  const spec = { nodeName: "one", containers: [{ name: "c", image: "i" }] };
  const pod = await actor.pods.create({ metadata: { name: "a" }, spec });
  const lastTransitionTime = new Date(cluster.clock.now()).toISOString();
  const condition = { type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler", lastTransitionTime };
  await actor.pods.updateStatus({ ...pod, status: { phase: "Running", conditions: [condition] } });
  await cluster.clock.advance(119_000);
  expect((await actor.pods.get("a")).status?.conditions?.[0]?.status).toBe("True");
  await cluster.clock.advance(3000);
  expect((await actor.pods.get("a")).status?.conditions?.[0]).toMatchObject({ status: "False" });
});
