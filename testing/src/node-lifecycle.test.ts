import type { Event, Node, Pod, Taint, Toleration } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { NodeActor } from "./node-actor.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
let actor: PodActor;
let kubelets: NodeActor;
let nodes: ResourceClient<Node>;
let events: ResourceClient<Event>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  actor = new PodActor(cluster);
  kubelets = new NodeActor(cluster);
  nodes = kubelets.nodes;
  events = cluster.client.resource({ group: "", version: "v1", resource: "events" }, "default");
});
afterEach(() => cluster.close());

const pass = (seconds: number) => cluster.clock.advance(seconds * 1000);

async function run(name: string, nodeName: string, tolerations: readonly Toleration[] = []): Promise<Pod> {
  const spec = { nodeName, tolerations, containers: [{ name: "c", image: "i" }] };
  const pod = await actor.pods.create({ metadata: { name }, spec });
  await actor.ready(pod);
  await cluster.clock.advance(100);
  return pod;
}

const taintsOf = async (name: string) =>
  ((await nodes.get(name)).spec?.taints ?? []).map(({ key, effect }) => `${key.split("/")[1]}:${effect}`).sort();
const readyOf = async (name: string) =>
  (await nodes.get(name)).status?.conditions?.find(({ type }) => type === "Ready");
const podReady = async (name: string) =>
  (await actor.pods.get(name)).status?.conditions?.find(({ type }) => type === "Ready")?.status;
const isGoing = async (name: string) => (await actor.pods.get(name)).metadata?.deletionTimestamp !== undefined;
const told = async (name: string) =>
  (await events.list()).items.filter(({ involvedObject }) => involvedObject?.name === name).map(({ reason }) => reason);

async function taint(name: string, ...taints: readonly Taint[]): Promise<void> {
  await nodes.patch(name, { type: "merge", body: { spec: { taints: taints.length === 0 ? null : taints } } });
  await cluster.clock.advance(100);
}

test("a node that renews its lease stays ready", async () => {
  await kubelets.join("one");
  await pass(300);
  expect((await readyOf("one"))?.status).toBe("True");
  expect(await taintsOf("one")).toEqual([]);
});

test("a node without signs is marked after 50 s with its pods, which leave it after 5 min", async () => {
  await kubelets.join("one");
  await kubelets.join("two");
  await run("a", "one");
  kubelets.stop("one");
  await pass(40);
  expect((await readyOf("one"))?.status).toBe("True");
  await pass(30);
  expect(await readyOf("one")).toMatchObject({
    status: "Unknown",
    reason: "NodeStatusUnknown",
    message: "Kubelet stopped posting node status.",
  });
  expect(await taintsOf("one")).toEqual(["unreachable:NoExecute", "unreachable:NoSchedule"]);
  expect(await podReady("a")).toBe("False");
  expect(await told("one")).toEqual(["RegisteredNode", "NodeNotReady"]);
  expect(await told("a")).toEqual(["NodeNotReady"]);
  await pass(270);
  expect(await isGoing("a")).toBe(false);
  await pass(30);
  const { metadata, status } = await actor.pods.get("a");
  expect(metadata?.deletionTimestamp).toBeDefined();
  expect(status?.conditions?.at(-1)).toMatchObject({
    ...{ type: "DisruptionTarget", status: "True", reason: "DeletionByTaintManager" },
    observedGeneration: 1,
  });
  expect(await told("a")).toContain("TaintManagerEviction");
});

test("a node that comes back in time keeps its pods", async () => {
  await kubelets.join("one");
  await kubelets.join("two");
  await run("a", "one");
  kubelets.stop("one");
  await pass(120);
  expect(await taintsOf("one")).toHaveLength(2);
  await kubelets.resume("one");
  await pass(10);
  expect(await taintsOf("one")).toEqual([]);
  await pass(300);
  expect(await isGoing("a")).toBe(false);
  expect(await told("a")).toContain("TaintManagerEviction"); // "Cancelling deletion"
});

test("a pod of a silent node that is said to be ready again stays so", async () => {
  await kubelets.join("one");
  await run("a", "one");
  kubelets.stop("one");
  await pass(60);
  expect(await podReady("a")).toBe("False");
  await actor.ready(await actor.pods.get("a"));
  await pass(30);
  expect(await podReady("a")).toBe("True");
});

test("when no node gives signs, pods stay where they are", async () => {
  await kubelets.join("one");
  await kubelets.join("two");
  await run("a", "one");
  for (const name of ["one", "two"]) kubelets.stop(name);
  await pass(70);
  expect(await taintsOf("one")).toEqual(["unreachable:NoSchedule"]);
  await pass(600);
  expect(await isGoing("a")).toBe(false);
});

test("nodes of a zone are emptied one after the other", async () => {
  for (const name of ["one", "two", "three"]) await kubelets.join(name);
  for (const name of ["one", "two"]) kubelets.stop(name);
  await pass(60);
  const marked = async () =>
    [...(await taintsOf("one")), ...(await taintsOf("two"))].filter((key) => /Execute/.test(key));
  expect(await marked()).toHaveLength(1);
  await pass(10);
  expect(await marked()).toHaveLength(2);
});

test("conditions and a cordon become taints, and go with them", async () => {
  await kubelets.join("one");
  await kubelets.report("one", { Ready: "False", MemoryPressure: "True", DiskPressure: "False" });
  await nodes.patch("one", { type: "merge", body: { spec: { unschedulable: true } } });
  await cluster.clock.advance(1000);
  expect(await taintsOf("one")).toEqual([
    "memory-pressure:NoSchedule",
    "not-ready:NoSchedule",
    "unschedulable:NoSchedule",
  ]);
  await kubelets.report("one", { Ready: "True", MemoryPressure: "False" });
  await nodes.patch("one", { type: "merge", body: { spec: { unschedulable: null } } });
  await cluster.clock.advance(1000);
  expect(await taintsOf("one")).toEqual([]);
});

test("a node that never says anything is marked after a minute", async () => {
  await nodes.create({ metadata: { name: "one" } });
  await pass(50);
  expect(await readyOf("one")).toBeUndefined();
  await pass(20);
  expect(await readyOf("one")).toMatchObject({ status: "Unknown", reason: "NodeStatusNeverUpdated" });
});

test("old names of labels follow the new ones", async () => {
  await kubelets.join("one", { "kubernetes.io/arch": "arm64", "kubernetes.io/os": "linux" });
  await cluster.clock.advance(1000);
  expect((await nodes.get("one")).metadata?.labels).toMatchObject({
    "beta.kubernetes.io/arch": "arm64",
    "beta.kubernetes.io/os": "linux",
  });
});

const evict: Taint = { key: "example.com/evict", effect: "NoExecute" };
const tolerating = (tolerationSeconds?: number): Toleration => ({
  key: evict.key,
  operator: "Exists",
  effect: "NoExecute",
  ...(tolerationSeconds !== undefined && { tolerationSeconds }),
});

test("a taint sends away who does not tolerate it, at once or after a while", async () => {
  await kubelets.join("one");
  await run("now", "one");
  await run("later", "one", [tolerating(20)]);
  await run("never", "one", [tolerating()]);
  await taint("one", evict);
  const going = async () => [await isGoing("now"), await isGoing("later"), await isGoing("never")];
  expect(await going()).toEqual([true, false, false]);
  await pass(10);
  expect(await going()).toEqual([true, false, false]);
  await pass(20);
  expect(await going()).toEqual([true, true, false]);
});

test("a taint that is taken back in time sends nobody away", async () => {
  await kubelets.join("one");
  await run("later", "one", [tolerating(20)]);
  await taint("one", evict);
  await pass(10);
  await taint("one");
  await pass(60);
  expect(await isGoing("later")).toBe(false);
});

test("a pod that comes to a tainted node is sent away too", async () => {
  await kubelets.join("one");
  await taint("one", evict);
  const spec = { nodeName: "one", containers: [{ name: "c", image: "i" }] };
  await actor.pods.create({ metadata: { name: "late" }, spec });
  await cluster.clock.advance(100);
  expect(await isGoing("late")).toBe(true);
});
