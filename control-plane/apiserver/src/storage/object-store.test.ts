import { ApiError, decodeJson, schemaOf, type Unstructured } from "@tsukube/api";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import { expect, test } from "vitest";
import { Allotted } from "../chain/deadline.ts";
import { Registry } from "../registry/registry.ts";
import { type Change, ObjectStore } from "./object-store.ts";
import { StorageMetrics } from "./storage-metrics.ts";
import { WatchCache } from "./watch-cache.ts";

const schema = schemaOf({ group: "", version: "v1", kind: "ConfigMap" })!;
const maps = new Registry().get("", "v1", "configmaps")!;

test("a change that is decided when the time of its request is over is not written", async () => {
  const decode = (_key: string, bytes: Uint8Array): Unstructured => decodeJson<Unstructured>(bytes, schema).object;
  const memory = new MemoryStore({ clock: realClock });
  const cache = await WatchCache.open(async () => memory, { decode, clock: realClock, logger: silentLogger });
  const store = new ObjectStore(cache, new StorageMetrics(createMetrics(), realClock));
  const key = store.keyOf(maps, "a", "x");
  const metadata = { namespace: "a", name: "x", uid: "x" };
  const put = { type: "put", object: { kind: "ConfigMap", apiVersion: "v1", metadata } } as const;
  const tooLate = (change: Change) => {
    const time = new Allotted(Number.POSITIVE_INFINITY);
    const decide = async () => {
      time.end(ApiError.timeout("too late"));
      return change;
    };
    return expect(store.update(maps, key, decide, time)).rejects.toThrow("too late");
  };
  await tooLate(put);
  expect(store.get(maps, "a", "x")).toBeUndefined();
  const { revision } = (await store.update(maps, key, async () => put, new Allotted(Number.POSITIVE_INFINITY)))!;
  await tooLate({ type: "delete" });
  expect(store.get(maps, "a", "x")?.revision).toBe(revision);
  await cache.close();
});
