import { silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { Registry } from "../registry/registry.ts";
import { servedResources } from "../registry/runtime-config.ts";
import { indexOf } from "./cached-object.ts";
import { stateMetrics } from "./state-metrics.ts";
import { WatchCache } from "./watch-cache.ts";

test("the size of the store is told as it last said, that of its objects once a minute", async () => {
  const clock = new VirtualClock();
  let size: number | undefined = 4096;
  const store = new MemoryStore({ clock });
  store.size = async () => {
    if (size === undefined) throw new Error("not reached");
    return size as never;
  };
  const deps = { decode: () => ({}), clock, logger: silentLogger };
  const cache = await WatchCache.open(async () => store, deps);
  const metrics = createMetrics();
  stateMetrics(metrics, new Registry(servedResources("", undefined)), cache, clock);
  const lines = async (name: string): Promise<readonly string[]> => {
    await clock.settle();
    return metrics
      .expose()
      .split("\n")
      .filter((line) => line.startsWith(name));
  };
  const put = async (name: string): Promise<void> => {
    const value = Buffer.from(JSON.stringify({ kind: "ConfigMap", apiVersion: "v1", metadata: { name, uid: "u" } }));
    const key = `/registry/configmaps/default/${name}`;
    const revision = await store.commit([{ type: "put", key, value, index: indexOf(value, "u"), expected: "absent" }]);
    await cache.reached(revision);
  };
  const maps = 'apiserver_resource_size_estimate_bytes{group="",resource="configmaps"}';
  await put("one");
  const [one] = await lines(maps);
  const bytes = Number(one!.split(" ").at(-1));
  expect(bytes).toBeGreaterThan(0);
  await put("two");
  expect(await lines(maps)).toEqual([one]);
  await clock.advance(60_000);
  expect(await lines(maps)).toEqual([`${maps} ${2 * bytes}`]);

  const database = "apiserver_storage_size_bytes{";
  expect(await lines(database)).toEqual(['apiserver_storage_size_bytes{storage_cluster_id="etcd-0"} 4096']);
  size = undefined;
  await lines(database);
  expect(await lines(database)).toEqual([]);
  await cache.close();
});
