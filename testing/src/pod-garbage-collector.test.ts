import type { Node, Pod } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

let cluster: Cluster;
let pods: ResourceClient<Pod>;
let nodes: ResourceClient<Node>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  pods = cluster.client.resource({ group: "", version: "v1", resource: "pods" }, "default");
  nodes = cluster.client.resource({ group: "", version: "v1", resource: "nodes" });
});
afterEach(() => cluster.close());

const spec = { nodeName: "one", containers: [{ name: "c", image: "i" }] };
const names = async (): Promise<unknown> => (await pods.list()).items.map(({ metadata }) => metadata?.name);

test("pods go 40 s after their node, marked as disrupted while something still holds them", async () => {
  await nodes.create({ metadata: { name: "one" } });
  await pods.create({ metadata: { name: "a" }, spec });
  await pods.create({ metadata: { name: "held", finalizers: ["example.com/hold"] }, spec });
  await cluster.clock.advance(120_000);
  expect(await names()).toEqual(["a", "held"]);
  await nodes.delete("one");
  await cluster.clock.advance(39_000);
  expect(await names()).toEqual(["a", "held"]);
  await cluster.clock.advance(41_000);
  expect(await names()).toEqual(["held"]);
  const { status, metadata } = await pods.get("held");
  expect(metadata?.deletionTimestamp).toBeDefined();
  expect(status).toMatchObject({ phase: "Failed", observedGeneration: 1 });
  expect(status?.conditions).toMatchObject([{ type: "DisruptionTarget", status: "True", reason: "DeletionByPodGC" }]);
});

test("a node that comes back within the quarantine keeps its pods", async () => {
  await pods.create({ metadata: { name: "a" }, spec });
  await cluster.clock.advance(35_000);
  await nodes.create({ metadata: { name: "one" } });
  await cluster.clock.advance(120_000);
  expect(await names()).toEqual(["a"]);
});
