import type { ControllerRevision, DaemonSet, DaemonSetSpec } from "@tsukube/api/types/apps-v1";
import type { Event, Node, Pod } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { NodeActor } from "./node-actor.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
let actor: PodActor;
let sets: ResourceClient<DaemonSet>;
let nodes: ResourceClient<Node>;
let revisions: ResourceClient<ControllerRevision>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  actor = new PodActor(cluster);
  sets = cluster.client.resource({ group: "apps", version: "v1", resource: "daemonsets" }, "default");
  nodes = cluster.client.resource({ group: "", version: "v1", resource: "nodes" });
  revisions = cluster.client.resource({ group: "apps", version: "v1", resource: "controllerrevisions" }, "default");
  const kubelets = new NodeActor(cluster);
  for (const name of ["a", "b", "c"]) await kubelets.join(name, { name });
});
afterEach(() => cluster.close());

const labels = { app: "agent" };
const templateOf = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: "c", image }] } });

async function create(spec: Partial<DaemonSetSpec> = {}): Promise<void> {
  const all = { selector: { matchLabels: labels }, template: templateOf("one"), ...spec };
  await sets.create({ metadata: { name: "agent" }, spec: all });
  await cluster.clock.advance(1000);
}

async function patch(spec: unknown): Promise<void> {
  await sets.patch("agent", { type: "merge", body: { spec } });
  await cluster.clock.advance(1000);
}

async function patchNode(name: string, body: unknown): Promise<void> {
  await nodes.patch(name, { type: "merge", body });
  await cluster.clock.advance(1000);
}

/** The node for which a pod waits. */
const pinOf = (pod: Pod): string | undefined =>
  pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms?.[0]
    ?.matchFields?.[0]?.values?.[0];

/** "node image" of each pod. */
const shown = async (): Promise<readonly string[]> =>
  (await actor.list()).map((pod) => `${pinOf(pod)} ${pod.spec?.containers?.[0]?.image}`).sort();
const statusOf = async () => (await sets.get("agent")).status;

test("each node gets a pod that the scheduler can place only there, with the tolerations of a daemon", async () => {
  await create();
  expect(await shown()).toEqual(["a one", "b one", "c one"]);
  const [pod] = await actor.list();
  expect(pod?.spec?.nodeName).toBeUndefined();
  expect(pod?.spec?.tolerations?.map(({ key }) => key)).toEqual([
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
  ]);
  expect(await statusOf()).toMatchObject({
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberReady: 0,
    numberUnavailable: 3,
  });
  await actor.settle();
  expect(await statusOf()).toEqual({
    observedGeneration: 1,
    desiredNumberScheduled: 3,
    currentNumberScheduled: 3,
    numberMisscheduled: 0,
    numberReady: 3,
    numberAvailable: 3,
    updatedNumberScheduled: 3,
  });
});

test("pods follow the nodes: new ones, lost ones, labels", async () => {
  await create({
    template: { ...templateOf("one"), spec: { ...templateOf("one").spec, nodeSelector: { role: "edge" } } },
  });
  expect(await shown()).toEqual([]);
  await patchNode("b", { metadata: { labels: { role: "edge" } } });
  await nodes.create({ metadata: { name: "d", labels: { role: "edge" } } });
  await cluster.clock.advance(1000);
  expect(await shown()).toEqual(["b one", "d one"]);
  await patchNode("b", { metadata: { labels: { role: null } } });
  expect(await shown()).toEqual(["d one"]);
  await nodes.delete("d");
  await cluster.clock.advance(1000);
  expect(await shown()).toEqual([]);
  expect(await statusOf()).toMatchObject({ desiredNumberScheduled: 0, currentNumberScheduled: 0 });
});

test("a taint keeps new pods away; NoExecute also removes the present one", async () => {
  await patchNode("a", { spec: { taints: [{ key: "k", effect: "NoSchedule" }] } });
  await create();
  await actor.settle();
  expect(await shown()).toEqual(["b one", "c one"]);
  await patchNode("b", { spec: { taints: [{ key: "k", effect: "NoSchedule" }] } });
  expect(await shown()).toEqual(["b one", "c one"]);
  expect(await statusOf()).toMatchObject({ desiredNumberScheduled: 1, numberMisscheduled: 1 });
  await patchNode("b", { spec: { taints: [{ key: "k", effect: "NoExecute" }] } });
  expect(await shown()).toEqual(["c one"]);
});

test("a rolling update takes nodes one by one and waits for each pod", async () => {
  await create();
  await actor.settle();
  await patch({ template: templateOf("two") });
  expect(await shown()).toEqual(["a two", "b one", "c one"]);
  expect(await statusOf()).toMatchObject({ updatedNumberScheduled: 1, numberUnavailable: 1 });
  await cluster.clock.advance(60_000);
  expect(await shown()).toEqual(["a two", "b one", "c one"]);
  await actor.settle();
  expect(await shown()).toEqual(["a two", "b two", "c two"]);
});

test("with surge the old pod stays until the new one is available", async () => {
  await create({
    minReadySeconds: 5,
    updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } },
  });
  await actor.settle();
  await cluster.clock.advance(10_000);
  await patch({ template: templateOf("two") });
  expect(await shown()).toEqual(["a one", "a two", "b one", "b two", "c one"]);
  await actor.act();
  expect(await shown()).toEqual(["a one", "a two", "b one", "b two", "c one"]);
  await cluster.clock.advance(5000);
  expect(await shown()).toEqual(["a two", "b two", "c one", "c two"]);
  await actor.settle();
  await cluster.clock.advance(5000);
  expect(await shown()).toEqual(["a two", "b two", "c two"]);
});

test("with OnDelete only deleted pods are updated", async () => {
  await create({ updateStrategy: { type: "OnDelete" } });
  await actor.settle();
  await patch({ template: templateOf("two") });
  expect(await shown()).toEqual(["a one", "b one", "c one"]);
  const onA = (await actor.list()).find((pod) => pinOf(pod) === "a");
  await actor.pods.delete(onA!.metadata!.name!);
  await cluster.clock.advance(1000);
  expect(await shown()).toEqual(["a two", "b one", "c one"]);
});

test("a broken update is left behind by a better template", async () => {
  await create();
  await actor.settle();
  await patch({ template: templateOf("broken") });
  await patch({ template: templateOf("two") });
  await actor.settle();
  expect(await shown()).toEqual(["a two", "b two", "c two"]);
});

test("going back takes up the former revision, and history is kept within its limit", async () => {
  await create({ revisionHistoryLimit: 1 });
  await actor.settle();
  const first = (await revisions.list()).items[0]?.metadata?.name;
  for (const image of ["two", "one"]) {
    await patch({ template: templateOf(image) });
    await actor.settle();
  }
  const { items } = await revisions.list();
  expect(items.map(({ metadata, revision }) => [metadata?.name === first, revision]).sort()).toEqual([
    [false, 2],
    [true, 3],
  ]);
  for (const image of ["three", "four"]) {
    await patch({ template: templateOf(image) });
    await actor.settle();
  }
  expect((await revisions.list()).items.map(({ revision }) => revision).sort()).toEqual([4, 5]);
});

test("failed pods are replaced, each time after a longer wait", async () => {
  await create();
  const onA = async () => (await actor.list()).find((pod) => pinOf(pod) === "a")!;
  let made = 0;
  let last = "";
  for (let second = 0; second < 60; second += 1) {
    const pod = await onA();
    if (pod.metadata?.uid !== last) made += 1;
    last = pod.metadata?.uid ?? "";
    if (pod.status?.phase === "Pending") await actor.fail(pod);
    await cluster.clock.advance(1000);
  }
  expect(made).toBeGreaterThan(4);
  expect(made).toBeLessThan(9);
  const events = cluster.client.resource<Event>({ group: "", version: "v1", resource: "events" }, "default");
  const reasons = (await events.list({ fieldSelector: "involvedObject.kind=DaemonSet" })).items.map(
    ({ reason }) => reason,
  );
  expect(new Set(reasons)).toEqual(new Set(["SuccessfulCreate", "SuccessfulDelete", "FailedDaemonPod"]));
});

test("a terminating pod is waited for, unless the set surges", async () => {
  await create();
  const pod = (await actor.list()).find((some) => pinOf(some) === "a")!;
  await actor.bind(pod, "a");
  await actor.settle();
  await actor.pods.delete(pod.metadata!.name!);
  await cluster.clock.advance(10_000);
  expect(await shown()).toEqual(["a one", "b one", "c one"]);
  await patch({ updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
  expect(await shown()).toEqual(["a one", "a one", "b one", "c one"]);
  await actor.release(pod);
  await cluster.clock.advance(1000);
  expect(await shown()).toEqual(["a one", "b one", "c one"]);
});

test("a set that rests is not written to, whatever nodes report", async () => {
  await create();
  await actor.settle();
  const { metadata } = await sets.get("agent");
  for (let round = 0; round < 3; round += 1) {
    const node = await nodes.get("a");
    const conditions = [{ type: "Ready", status: "True", lastHeartbeatTime: `2025-01-01T00:0${round}:00Z` }];
    await nodes.updateStatus({ ...node, status: { ...node.status, conditions } });
    await cluster.clock.advance(600_000);
  }
  expect((await sets.get("agent")).metadata?.resourceVersion).toBe(metadata?.resourceVersion);
});
