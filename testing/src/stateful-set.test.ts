import type { ControllerRevision, StatefulSet, StatefulSetSpec } from "@tsukube/api/types/apps-v1";
import type { Event, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
let actor: PodActor;
let sets: ResourceClient<StatefulSet>;
let claims: ResourceClient<PersistentVolumeClaim>;
let revisions: ResourceClient<ControllerRevision>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  actor = new PodActor(cluster);
  sets = cluster.client.resource({ group: "apps", version: "v1", resource: "statefulsets" }, "default");
  claims = cluster.client.resource({ group: "", version: "v1", resource: "persistentvolumeclaims" }, "default");
  revisions = cluster.client.resource({ group: "apps", version: "v1", resource: "controllerrevisions" }, "default");
});
afterEach(() => cluster.close());

const labels = { app: "web" };
const templateOf = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: "c", image }] } });

async function create(spec: Partial<StatefulSetSpec> = {}): Promise<StatefulSet> {
  const all = { serviceName: "web", selector: { matchLabels: labels }, template: templateOf("one"), ...spec };
  const set = await sets.create({ metadata: { name: "web" }, spec: all });
  await cluster.clock.advance(1000);
  return set;
}

async function patch(spec: unknown): Promise<void> {
  await sets.patch("web", { type: "merge", body: { spec } });
  await cluster.clock.advance(1000);
}

const imagesOf = async (): Promise<Record<string, string | undefined>> =>
  Object.fromEntries((await actor.list()).map((pod) => [pod.metadata?.name, pod.spec?.containers?.[0]?.image]));
const is = (name: string) => (pod: Pod) => pod.metadata?.name === name;

test("pods come one after the other, each once its predecessor is ready, with a name of their own", async () => {
  await create({ replicas: 3 });
  expect(await actor.names()).toEqual(["web-0"]);
  await actor.act();
  expect(await actor.names()).toEqual(["web-0", "web-1"]);
  await cluster.clock.advance(60_000);
  expect(await actor.names()).toEqual(["web-0", "web-1"]);
  await actor.settle();
  const [, pod] = await actor.list();
  expect(pod?.metadata?.generateName).toBe("web-");
  expect(pod?.spec).toMatchObject({ hostname: "web-1", subdomain: "web" });
  const { status } = await sets.get("web");
  expect(pod?.metadata?.labels).toEqual({
    app: "web",
    "statefulset.kubernetes.io/pod-name": "web-1",
    "apps.kubernetes.io/pod-index": "1",
    "controller-revision-hash": status?.currentRevision,
  });
  expect(status).toEqual({
    observedGeneration: 1,
    replicas: 3,
    readyReplicas: 3,
    availableReplicas: 3,
    currentReplicas: 3,
    updatedReplicas: 3,
    currentRevision: status?.updateRevision,
    updateRevision: expect.stringMatching(/^web-[a-z0-9]+$/),
    collisionCount: 0,
  });
});

test("scaling down goes from the highest ordinal, one by one, and halts while a pod is unhealthy", async () => {
  await create({ replicas: 3 });
  await actor.settle();
  await actor.unready((await actor.list())[0]!);
  await patch({ replicas: 1 });
  await cluster.clock.advance(60_000);
  expect(await actor.names()).toEqual(["web-0", "web-1", "web-2"]);
  await actor.ready((await actor.list())[0]!);
  await cluster.clock.advance(1000);
  expect(await actor.names()).toEqual(["web-0"]);
});

test("with Parallel all pods come and go at once", async () => {
  await create({ replicas: 4, podManagementPolicy: "Parallel" });
  expect(await actor.names()).toHaveLength(4);
  await patch({ replicas: 1 });
  expect(await actor.names()).toEqual(["web-0"]);
});

test("a rolling update goes from the highest ordinal and waits for each pod", async () => {
  await create({ replicas: 3 });
  await actor.settle();
  const before = (await sets.get("web")).status;
  await patch({ template: templateOf("two") });
  expect(await imagesOf()).toEqual({ "web-0": "one", "web-1": "one", "web-2": "two" });
  expect((await sets.get("web")).status).toMatchObject({
    currentRevision: before?.currentRevision,
    updatedReplicas: 1,
    currentReplicas: 2,
  });
  await actor.settle();
  expect(await imagesOf()).toEqual({ "web-0": "two", "web-1": "two", "web-2": "two" });
  const { status } = await sets.get("web");
  expect(status).toMatchObject({ updatedReplicas: 3, currentReplicas: 3, currentRevision: status?.updateRevision });
  expect(status?.currentRevision).not.toBe(before?.currentRevision);
});

test("a canary stays above the partition, and pods below it come back as they were", async () => {
  await create({ replicas: 3, updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } });
  await actor.settle();
  await patch({ template: templateOf("two") });
  await actor.settle();
  expect(await imagesOf()).toEqual({ "web-0": "one", "web-1": "one", "web-2": "two" });
  for (const name of ["web-0", "web-2"]) await actor.pods.delete(name);
  await cluster.clock.advance(1000);
  await actor.settle();
  expect(await imagesOf()).toEqual({ "web-0": "one", "web-1": "one", "web-2": "two" });
});

test("with OnDelete only deleted pods are updated", async () => {
  await create({ replicas: 2, updateStrategy: { type: "OnDelete" } });
  await actor.settle();
  await patch({ template: templateOf("two") });
  await actor.settle();
  expect(await imagesOf()).toEqual({ "web-0": "one", "web-1": "one" });
  await actor.pods.delete("web-0");
  await cluster.clock.advance(1000);
  expect(await imagesOf()).toEqual({ "web-0": "two", "web-1": "one" });
});

test("going back to a former template takes up its revision; the oldest of too many go", async () => {
  await create({ replicas: 1, revisionHistoryLimit: 1 });
  await actor.settle();
  for (const image of ["two", "one", "three", "four"]) {
    await patch({ template: templateOf(image) });
    await actor.settle();
  }
  const { items } = await revisions.list({ labelSelector: "app=web" });
  expect(items.map(({ revision }) => revision).sort()).toEqual([4, 5]);
  expect(items.every(({ metadata }) => metadata?.ownerReferences?.[0]?.kind === "StatefulSet")).toBe(true);
});

test("a broken rollout of a Parallel set is repaired by a better template", async () => {
  await create({ replicas: 3, podManagementPolicy: "Parallel" });
  await actor.settle();
  await patch({ template: templateOf("broken") });
  expect(await imagesOf()).toEqual({ "web-0": "one", "web-1": "one", "web-2": "broken" });
  await cluster.clock.advance(60_000);
  await patch({ template: templateOf("two") });
  await actor.settle();
  expect(await imagesOf()).toEqual({ "web-0": "two", "web-1": "two", "web-2": "two" });
});

test("a broken rollout of an ordered set waits until the broken pod is deleted, then goes on with the better template", async () => {
  await create({ replicas: 2 });
  await actor.settle();
  await patch({ template: templateOf("broken") });
  await patch({ template: templateOf("two") });
  await cluster.clock.advance(60_000);
  expect(await imagesOf()).toEqual({ "web-0": "one", "web-1": "broken" });
  await actor.pods.delete("web-1");
  await cluster.clock.advance(1000);
  expect(await imagesOf()).toEqual({ "web-0": "one", "web-1": "two" });
  await actor.settle();
  expect(await imagesOf()).toEqual({ "web-0": "two", "web-1": "two" });
});

test("failed pods are made anew", async () => {
  await create({ replicas: 1 });
  const [first] = await actor.list();
  await actor.fail(first!);
  await cluster.clock.advance(1000);
  const [second] = await actor.list();
  expect(second?.metadata?.name).toBe("web-0");
  expect(second?.metadata?.uid).not.toBe(first?.metadata?.uid);
  expect(second?.status?.phase).toBe("Pending");
});

test("a terminating pod is waited for", async () => {
  await create({
    replicas: 2,
    template: { ...templateOf("one"), metadata: { labels, finalizers: ["example.com/wait"] } },
  });
  await actor.settle();
  await actor.pods.delete("web-0");
  await cluster.clock.advance(60_000);
  const before = (await actor.pods.get("web-0")).metadata?.uid;
  await actor.pods.patch("web-0", { type: "merge", body: { metadata: { finalizers: null } } });
  await cluster.clock.advance(1000);
  expect((await actor.pods.get("web-0")).metadata?.uid).not.toBe(before);
});

const data = {
  metadata: { name: "data" },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

test("each pod has claims of its own, which outlive it", async () => {
  await create({
    replicas: 2,
    volumeClaimTemplates: [{ ...data, metadata: { name: "data", annotations: { a: "b" } } }],
  });
  await actor.settle();
  const { items } = await claims.list();
  expect(items.map(({ metadata }) => metadata?.name)).toEqual(["data-web-0", "data-web-1"]);
  expect(items[0]?.metadata).toMatchObject({ labels, annotations: { a: "b" } });
  expect(items[0]?.metadata?.ownerReferences).toBeUndefined();
  expect((await actor.list())[1]?.spec?.volumes).toContainEqual({
    name: "data",
    persistentVolumeClaim: { claimName: "data-web-1" },
  });
  await sets.delete("web");
  await cluster.clock.advance(10_000);
  expect((await claims.list()).items).toHaveLength(2);
});

test("claims go with the set or with a pod that is scaled away when the set says so", async () => {
  const persistentVolumeClaimRetentionPolicy = { whenDeleted: "Delete", whenScaled: "Delete" };
  await create({ replicas: 2, volumeClaimTemplates: [data], persistentVolumeClaimRetentionPolicy });
  await actor.settle();
  expect((await claims.get("data-web-1")).metadata?.ownerReferences).toMatchObject([{ kind: "StatefulSet" }]);
  await patch({ replicas: 1 });
  await cluster.clock.advance(10_000);
  expect((await claims.list()).items.map(({ metadata }) => metadata?.name)).toEqual(["data-web-0"]);
  await sets.delete("web");
  await cluster.clock.advance(10_000);
  expect((await claims.list()).items).toEqual([]);
});

test("ordinals may begin elsewhere, and moving the beginning moves the pods", async () => {
  await create({ replicas: 2, ordinals: { start: 5 } });
  await actor.settle();
  expect(await actor.names()).toEqual(["web-5", "web-6"]);
  await patch({ ordinals: { start: 6 } });
  await actor.settle();
  expect(await actor.names()).toEqual(["web-6", "web-7"]);
});

test("minReadySeconds holds the next pod back", async () => {
  await create({ replicas: 2, minReadySeconds: 30 });
  await actor.act(is("web-0"));
  await cluster.clock.advance(25_000);
  expect((await sets.get("web")).status).toMatchObject({ readyReplicas: 1 });
  expect((await sets.get("web")).status?.availableReplicas ?? 0).toBe(0);
  expect(await actor.names()).toEqual(["web-0"]);
  await cluster.clock.advance(10_000);
  expect(await actor.names()).toEqual(["web-0", "web-1"]);
});

test("an update may take several pods at once", async () => {
  const updateStrategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 2 } };
  await create({ replicas: 5, podManagementPolicy: "Parallel", updateStrategy });
  await actor.settle();
  await patch({ template: templateOf("two") });
  expect(await imagesOf()).toMatchObject({ "web-2": "one", "web-3": "two", "web-4": "two" });
});

test("what was done is told in events", async () => {
  await create({ replicas: 1, volumeClaimTemplates: [data] });
  const events = cluster.client.resource<Event>({ group: "", version: "v1", resource: "events" }, "default");
  const { items } = await events.list({ fieldSelector: "involvedObject.kind=StatefulSet" });
  expect(items.map(({ reason, message }) => `${reason}: ${message}`).sort()).toEqual([
    "SuccessfulCreate: Create Claim data-web-0 Pod web-0 in StatefulSet web success",
    "SuccessfulCreate: Create Pod web-0 in StatefulSet web successful",
  ]);
});

test("a set that rests is not written to", async () => {
  await create({ replicas: 2 });
  await actor.settle();
  const { metadata } = await sets.get("web");
  await cluster.clock.advance(600_000);
  expect((await sets.get("web")).metadata?.resourceVersion).toBe(metadata?.resourceVersion);
});
