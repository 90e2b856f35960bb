import { ApiError } from "@tsukube/api";
import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";

const configMaps = { group: "", version: "v1", resource: "configmaps" };
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.close());

const of = (some: Cluster) => some.client.resource<ConfigMap>(configMaps, "default");

test("a cluster answers in process, on its own time", async () => {
  const created = await of(cluster).create({ metadata: { name: "a" }, data: { x: "1" } });
  expect(created.metadata?.creationTimestamp).toBe("2025-01-01T00:00:00Z");
  expect((await of(cluster).list()).items.map((item) => item.data)).toEqual([{ x: "1" }]);
});

test("the same seed gives the same objects", async () => {
  const other = await startCluster();
  const make = (some: Cluster) => of(some).create({ metadata: { generateName: "a-" } });
  expect(await make(cluster)).toEqual(await make(other));
  await other.close();
});

test("a fork begins with what there is, and neither sees the other's changes", async () => {
  await of(cluster).create({ metadata: { name: "a" } });
  const fork = await cluster.fork();
  await of(fork).delete("a");
  await of(cluster).create({ metadata: { name: "b" } });
  const names = async (some: Cluster) => (await of(some).list()).items.map((item) => item.metadata?.name);
  expect(await names(fork)).toEqual([]);
  expect(await names(cluster)).toEqual(["a", "b"]);
  await fork.close();
});

test("other users go through authorization", async () => {
  const robot = cluster.clientAs({ name: "robot" });
  const refused = robot.resource<ConfigMap>(configMaps, "default").list();
  await expect(refused).rejects.toSatisfy((error) => ApiError.is(error, "Forbidden"));
});

test("nothing is left running", async () => {
  await cluster.close();
  expect(cluster.clock.pending).toBe(0);
});
