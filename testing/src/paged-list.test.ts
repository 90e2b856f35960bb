import { ApiError } from "@tsukube/api";
import type { ConfigMap, ConfigMapList } from "@tsukube/api/types/core-v1";
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

test("a collection is removed by pages as it is listed by them", async () => {
  const remove = async (query: string) => {
    const { status, body } = await cluster.transport.request({
      method: "DELETE",
      path: `/api/v1/namespaces/default/configmaps?${query}`,
      headers: {},
    });
    const { items = [], metadata } = JSON.parse(Buffer.from(body as Uint8Array).toString()) as ConfigMapList;
    return { status, names: items.map((item) => item.metadata?.name), next: metadata?.continue ?? "" };
  };
  const left = async () => (await maps.list()).items.map((item) => item.metadata?.name);
  const { next } = await page();
  const first = await remove("limit=1");
  expect([first.names, first.next !== "", await left()]).toEqual([["a"], true, ["b", "c", "d"]]);
  await maps.create({ metadata: { name: "a" } });
  const second = await remove(`limit=1&continue=${next}`);
  expect([second.names, await left()]).toEqual([["b"], ["a", "c", "d"]]);
  expect((await remove("continue=none")).status).toBe(400);
  expect([(await remove("")).names, await left()]).toEqual([["a", "c", "d"], []]);
});
