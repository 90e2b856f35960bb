import type { Pod, PodAffinityTerm, TopologySpreadConstraint } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScheduledCluster } from "./scheduled-cluster.ts";

let world: ScheduledCluster;
beforeEach(async () => {
  world = await ScheduledCluster.start();
});
afterEach(() => world.close());

const web = { app: "web" };
const selector = { matchLabels: web };
const near = (topologyKey: string, labels = web): PodAffinityTerm => ({
  labelSelector: { matchLabels: labels },
  topologyKey,
});
const spread = (more: Partial<TopologySpreadConstraint> = {}): TopologySpreadConstraint => ({
  maxSkew: 1,
  topologyKey: "zone",
  whenUnsatisfiable: "DoNotSchedule",
  labelSelector: selector,
  ...more,
});

test("a pod with gates is told to be gated, and placed when the last one is gone", async () => {
  await world.node("a");
  const gates = [{ name: "example.com/quota" }, { name: "example.com/licence" }];
  const pod = await world.pod("gated", "100m", { schedulingGates: gates });
  expect(pod.status?.conditions).toMatchObject([{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }]);
  expect(await world.events("FailedScheduling", "gated")).toEqual([]);
  const leave = async (left: number) => {
    const current = await world.actor.pods.get("gated");
    await world.actor.pods.update({ ...current, spec: { ...current.spec!, schedulingGates: gates.slice(0, left) } });
    await world.settle();
  };
  await leave(1);
  expect(await world.nodeOf("gated")).toBeUndefined();
  await leave(0);
  expect(await world.nodeOf("gated")).toBe("a");
});

test("a pod that claims a device waits for one, and makes nobody leave", async () => {
  await world.node("a");
  await world.pod("plain", "100m");
  const resourceClaims = [{ name: "gpu", resourceClaimTemplateName: "gpus" }];
  await world.pod("claiming", "100m", { resourceClaims });
  expect(await world.nodeOf("claiming")).toBeUndefined();
  expect(await world.refusal("claiming")).toMatch(
    /^0\/1 nodes are available: 1 cannot allocate all claims\. preemption: .*not helpful/,
  );
  expect(await world.nodeOf("plain")).toBe("a");
});

test("pods are spread over zones as evenly as asked, or wait", async () => {
  await world.node("a1", { zone: "a" }, "10");
  await world.node("a2", { zone: "a" }, "10");
  await world.node("b1", { zone: "b" }, "300m");
  const place = async (name: string): Promise<string | undefined> => {
    await world.pod(name, "200m", { topologySpreadConstraints: [spread()] }, web);
    return world.nodeOf(name);
  };
  const first = [await place("1"), await place("2"), await place("3")].map((node) => node?.charAt(0));
  expect(first.sort()).toEqual(["a", "a", "b"]);
  expect(await place("4")).toBeUndefined();
  expect(await world.refusal("4")).toMatch(
    /^0\/3 nodes are available: 1 Insufficient cpu, 2 node\(s\) didn't match pod topology spread constraints\. preemption: /,
  );
});

test("a node that lacks one of the labels is no domain of the others", async () => {
  await world.node("a", { zone: "a", rack: "1" });
  await world.node("b", { zone: "b" });
  const constraints = [spread(), spread({ topologyKey: "rack", maxSkew: 5 })];
  for (const name of ["1", "2"]) await world.pod(name, "100m", { topologySpreadConstraints: constraints }, web);
  // zone "b" has none, yet is not to be counted: else the second would exceed the skew
  expect([await world.nodeOf("1"), await world.nodeOf("2")]).toEqual(["a", "a"]);
});

test("where spreading is only preferred, the emptier domain is taken", async () => {
  for (const name of ["a", "b", "c"]) await world.node(name, { zone: name });
  const soft = { topologySpreadConstraints: [spread({ whenUnsatisfiable: "ScheduleAnyway" })] };
  for (const name of ["1", "2", "3"]) await world.pod(name, "10m", soft, web);
  expect([await world.nodeOf("1"), await world.nodeOf("2"), await world.nodeOf("3")].sort()).toEqual(["a", "b", "c"]);
});

test("a pod goes where the pods are that it must be near to; all its terms speak of the same ones", async () => {
  await world.node("a", { zone: "a" });
  await world.node("b", { zone: "b" });
  await world.pod("cache", "10m", { nodeSelector: { zone: "b" } }, { app: "web", tier: "cache" });
  await world.pod("other", "10m", { nodeSelector: { zone: "a" } }, web);
  const terms = [near("zone"), near("zone", { app: "web", tier: "cache" } as typeof web)];
  const affinity = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } };
  await world.pod("near", "10m", { affinity });
  expect(await world.nodeOf("near")).toBe("b");
  await world.pod("lonely", "10m", {
    affinity: {
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near("zone", { app: "none" })] },
    },
  });
  expect(await world.refusal("lonely")).toMatch(
    /^0\/2 nodes are available: 2 node\(s\) didn't match pod affinity rules\. preemption: 0\/2 .* 2 Preemption is not helpful/,
  );
});

test("pods that run keep others away, and those that want to be near draw them", async () => {
  await world.node("a", { zone: "a" });
  await world.node("b", { zone: "b" });
  const away = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [near("zone")] } };
  await world.pod("loner", "10m", { nodeSelector: { zone: "a" }, affinity: away });
  await world.pod("web", "10m", {}, web);
  expect(await world.nodeOf("web")).toBe("b");
  const draws = {
    podAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        { weight: 100, podAffinityTerm: near("zone", { app: "friend" }) },
      ],
    },
  };
  await world.pod("host", "500m", { nodeSelector: { zone: "a" }, affinity: draws });
  // "b" is the emptier one
  await world.pod("friend", "10m", {}, { app: "friend" });
  expect(await world.nodeOf("friend")).toBe("a");
});

test("a required affinity of a pod that runs counts a little for those that it speaks of", async () => {
  await world.node("a", { zone: "a" });
  await world.node("b", { zone: "b" });
  const terms = [near("zone")];
  const host: Partial<Pod["spec"]> = {
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  };
  await world.pod("first", "10m", { ...host, nodeSelector: { zone: "b" } }, web);
  await world.pod("second", "10m", {}, web);
  expect(await world.nodeOf("second")).toBe("b");
});
