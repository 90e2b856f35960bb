import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget } from "@tsukube/api/types/policy-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScheduledCluster } from "./scheduled-cluster.ts";

let world: ScheduledCluster;
beforeEach(async () => {
  world = await ScheduledCluster.start();
  await world.priority("high", 1000);
  await world.priority("low", 10);
  await world.priority("polite", 1000, { preemptionPolicy: "Never" });
});
afterEach(() => world.close());

const HIGH = { priorityClassName: "high" };
const LOW = { priorityClassName: "low" };
const pinned = (node: string) => ({ nodeSelector: { "kubernetes.io/hostname": node } });
const get = (name: string): Promise<Pod> => world.actor.pods.get(name);

/** Names of the pods that are on their way out. */
const going = async (): Promise<readonly string[]> =>
  (await world.actor.list())
    .filter(({ metadata }) => metadata?.deletionTimestamp !== undefined)
    .map(({ metadata }) => metadata?.name ?? "")
    .sort();

async function running(name: string, cpu: string, spec: object, labels: Record<string, string> = {}): Promise<void> {
  await world.pod(name, cpu, spec, labels);
  const pod = await get(name);
  const startTime = new Date(world.cluster.clock.now()).toISOString();
  await world.actor.ready({ ...pod, status: { ...pod.status, startTime } });
  await world.settle(1000);
}

test("a pod that fits nowhere has one of lower priority end in its own time, and takes its place", async () => {
  await world.node("a");
  await running("victim", "800m", LOW);
  await world.pod("urgent", "800m", HIGH);
  const victim = await get("victim");
  expect(victim.metadata?.deletionGracePeriodSeconds).toBe(30);
  expect(victim.status?.conditions?.at(-1)).toMatchObject({
    type: "DisruptionTarget",
    status: "True",
    reason: "PreemptionByScheduler",
    message: "default-scheduler: preempting to accommodate a higher priority pod",
  });
  const urgent = await get("urgent");
  expect(urgent.status?.nominatedNodeName).toBe("a");
  expect(await world.refusal("urgent")).toBe("0/1 nodes are available: 1 Insufficient cpu.");
  expect(await world.events("Preempted", "victim")).toEqual([`Preempted by pod ${urgent.metadata?.uid} on node a`]);
  await world.actor.release(victim);
  await world.settle();
  expect(await world.nodeOf("urgent")).toBe("a");
});

test("while the victims end nobody else has to, and the message says what is waited for", async () => {
  await world.node("a");
  await world.node("b");
  await running("first", "800m", { ...LOW, ...pinned("a") });
  await running("second", "800m", { ...LOW, ...pinned("b") });
  await world.pod("urgent", "800m", HIGH);
  const chosen = (await get("urgent")).status?.nominatedNodeName;
  expect(await going()).toHaveLength(1);
  await world.node("c", {}, "100m");
  expect(await going()).toHaveLength(1);
  expect((await get("urgent")).status?.nominatedNodeName).toBe(chosen);
  expect(await world.refusal("urgent")).toBe(
    "0/3 nodes are available: 3 Insufficient cpu. preemption: not eligible due to a terminating pod on the nominated node.",
  );
});

test("the room that was made is kept from pods of lower priority, not from higher ones", async () => {
  await world.priority("higher", 5000);
  await world.node("a");
  await running("victim", "800m", LOW);
  await world.pod("urgent", "800m", HIGH);
  await world.pod("late", "500m", LOW);
  await world.actor.release(await get("victim"));
  await world.settle();
  expect([await world.nodeOf("urgent"), await world.nodeOf("late")]).toEqual(["a", undefined]);
  await world.pod("most", "800m", { priorityClassName: "higher" });
  expect(await going()).toEqual(["urgent"]);
});

test("two pods at once have no more end than both need", async () => {
  await world.node("a");
  await world.node("b");
  for (const node of ["a", "b"]) {
    await running(`large-${node}`, "500m", { ...LOW, ...pinned(node) });
    await running(`small-${node}`, "400m", { ...LOW, ...pinned(node) });
  }
  await Promise.all(["one", "two"].map((name) => world.pod(name, "500m", HIGH)));
  expect(await going()).toEqual(["small-a", "small-b"]);
  expect((await get("one")).status?.nominatedNodeName).not.toBe((await get("two")).status?.nominatedNodeName);
  for (const name of await going()) await world.actor.release(await get(name));
  await world.settle();
  expect([await world.nodeOf("one"), await world.nodeOf("two")].sort()).toEqual(["a", "b"]);
});

test("a pod that takes over the place that was promised to another tells it so", async () => {
  await world.priority("higher", 5000);
  await world.node("a");
  await running("victim", "800m", LOW);
  await running("other", "100m", LOW);
  await world.pod("urgent", "800m", HIGH);
  await world.pod("most", "950m", { priorityClassName: "higher" });
  expect((await get("urgent")).status?.nominatedNodeName ?? "").toBe("");
  expect((await get("most")).status?.nominatedNodeName).toBe("a");
  expect(await going()).toEqual(["other", "victim"]);
});

test("who must not preempt waits, and says why", async () => {
  await world.node("a");
  await running("other", "800m", LOW);
  await world.pod("polite", "800m", { priorityClassName: "polite" });
  expect(await going()).toEqual([]);
  const message =
    "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.";
  expect(await world.refusal("polite")).toBe(message);
  expect(await world.events("FailedScheduling", "polite")).toEqual([message]);
});

test("where nobody is less important, or leaving would not help, the message says so by node", async () => {
  await world.node("a");
  await world.node("b", {}, "100m");
  await world.node("c");
  await running("peer", "800m", { ...HIGH, ...pinned("a") });
  await running("peer-too", "600m", { ...HIGH, ...pinned("c") });
  await running("small", "100m", { ...LOW, ...pinned("c") });
  await world.pod("urgent", "800m", HIGH);
  expect(await going()).toEqual([]);
  expect(await world.refusal("urgent")).toBe(
    "0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: " +
      "1 Insufficient cpu, 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
  );
});

test("only as many end as must, the least important and the youngest first", async () => {
  await world.priority("lower", 5);
  await world.node("a");
  await running("old", "300m", LOW);
  await world.settle(5000);
  await running("young", "300m", LOW);
  await running("lowest", "300m", { priorityClassName: "lower" });
  await world.pod("urgent", "400m", HIGH);
  expect(await going()).toEqual(["lowest"]);
  await world.actor.release(await get("lowest"));
  await world.settle();
  await world.pod("next", "300m", HIGH);
  expect(await going()).toEqual(["young"]);
});

test("among nodes that one is chosen where the least harm is done", async () => {
  await world.priority("middle", 500);
  await world.node("a");
  await world.node("b");
  await world.node("c");
  await running("one", "800m", { priorityClassName: "middle", ...pinned("a") });
  await running("two", "400m", { ...LOW, ...pinned("b") });
  await running("three", "400m", { ...LOW, ...pinned("b") });
  await running("four", "800m", { ...LOW, ...pinned("c") });
  await world.pod("urgent", "900m", HIGH);
  expect(await going()).toEqual(["four"]);
});

test("a disruption budget protects its pods as long as others can go instead", async () => {
  const budgets = world.cluster.client.resource<PodDisruptionBudget>(
    { group: "policy", version: "v1", resource: "poddisruptionbudgets" },
    "default",
  );
  const selector = { matchLabels: { app: "db" } };
  await budgets.create({ metadata: { name: "db" }, spec: { selector, maxUnavailable: 0 } });
  await world.node("a");
  await running("db", "400m", LOW, { app: "db" });
  await running("web", "400m", { priorityClassName: "high" });
  await world.priority("higher", 5000);
  await world.pod("urgent", "500m", { priorityClassName: "higher" });
  expect(await going()).toEqual(["web"]);
  await world.actor.release(await get("web"));
  await world.settle();
  await world.pod("desperate", "500m", { priorityClassName: "high" });
  expect(await going()).toEqual(["db"]);
});

test("a pod whose refusal others cannot help ends nobody", async () => {
  await world.node("a");
  await running("other", "800m", LOW);
  await world.pod("elsewhere", "800m", { ...HIGH, nodeSelector: { disk: "fast" } });
  expect(await going()).toEqual([]);
  expect(await world.refusal("elsewhere")).toBe(
    "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: " +
      "1 Preemption is not helpful for scheduling.",
  );
});

test("pods that keep the pod away by their anti-affinity, or hold its port, are ended", async () => {
  await world.node("a");
  const term = { labelSelector: { matchLabels: { app: "web" } }, topologyKey: "kubernetes.io/hostname" };
  const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  await running("loner", "100m", { ...LOW, affinity });
  const ports = [{ containerPort: 80, hostPort: 80 }];
  await running("server", "100m", { ...LOW, containers: [{ name: "main", image: "i", ports }] });
  const containers = [{ name: "main", image: "i", ports }];
  await world.pod("web", "100m", { ...HIGH, containers }, { app: "web" });
  expect(await going()).toEqual(["loner", "server"]);
});

test("pods of higher priority are placed first", async () => {
  await world.pod("early", "800m", LOW);
  await world.pod("urgent", "800m", HIGH);
  await world.node("a");
  expect([await world.nodeOf("urgent"), await world.nodeOf("early")]).toEqual(["a", undefined]);
  expect(await going()).toEqual([]);
});
