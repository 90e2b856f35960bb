import { ApiError } from "@tsukube/api";
import type { ConfigMap } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";

const MINUTE = 60_000;
let cluster: Cluster;
let maps: ResourceClient<ConfigMap>;
beforeEach(async () => {
  cluster = await startCluster();
  maps = cluster.client.resource({ group: "", version: "v1", resource: "configmaps" }, "default");
  for (const name of ["a", "b", "c", "d"]) await maps.create({ metadata: { name } });
});
afterEach(() => cluster.close());

async function page(next?: string) {
  const { items, metadata } = await maps.list({ limit: 1, ...(next !== undefined && { continue: next }) });
  return { names: items.map((item) => item.metadata?.name), next: metadata?.continue ?? "" };
}

test("pages show the state in which the list began, for five minutes from then", async () => {
  const first = await page();
  await maps.delete("b");
  await cluster.clock.advance(3 * MINUTE);
  const second = await page(first.next);
  expect([first.names, second.names]).toEqual([["a"], ["b"]]);
  await cluster.clock.advance(3 * MINUTE);
  await expect(page(second.next)).rejects.toSatisfy((error) => ApiError.is(error, "Expired"));
});

test("a list that is too old goes on from the same key in the present state", async () => {
  const first = await page();
  await maps.delete("b");
  await cluster.clock.advance(6 * MINUTE);
  const error: unknown = await page(first.next).catch((thrown: unknown) => thrown);
  const going = ApiError.from(error).status.metadata?.continue;
  const second = await page(going);
  expect(second.names).toEqual(["c"]);
  await cluster.clock.advance(4 * MINUTE);
  expect((await page(second.next)).names).toEqual(["d"]);
});
