import { decodeJson, schemaOf, type Unstructured } from "@tsukube/api";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import { afterEach, expect, test } from "vitest";
import { Registry } from "../registry/registry.ts";
import { derived } from "./derived.ts";
import { ObjectStore } from "./object-store.ts";
import { StorageMetrics } from "./storage-metrics.ts";
import { WatchCache } from "./watch-cache.ts";

const schema = schemaOf({ group: "", version: "v1", kind: "ConfigMap" })!;
const maps = new Registry().get("", "v1", "configmaps")!;
const open: WatchCache[] = [];
afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close();
});

async function emptyStore(): Promise<ObjectStore> {
  const memory = new MemoryStore({ clock: realClock });
  const decode = (_key: string, bytes: Uint8Array): Unstructured => decodeJson<Unstructured>(bytes, schema).object;
  const cache = await WatchCache.open(async () => memory, { decode, clock: realClock, logger: silentLogger });
  open.push(cache);
  return new ObjectStore(cache, new StorageMetrics(createMetrics(), realClock));
}

async function put(store: ObjectStore, namespace: string, name: string): Promise<void> {
  const metadata = { namespace, name, uid: `${namespace}-${name}` };
  const object = { kind: "ConfigMap", apiVersion: "v1", metadata } as Unstructured;
  await store.update(maps, store.keyOf(maps, namespace, name), async () => ({ type: "put", object }));
}

test("what follows from some objects is made again once one of them came or went, and not before", async () => {
  let made = 0;
  const names = derived(["/registry/configmaps/a/", "/registry/configmaps/c/"], ({ head }) => {
    made += 1;
    return [...head.range("/registry/configmaps/a/"), ...head.range("/registry/configmaps/c/")].map(([key]) => key);
  });
  const [store, other] = [await emptyStore(), await emptyStore()];
  expect(names(store.cache)).toEqual([]);
  await put(store, "a", "x");
  expect(names(store.cache)).toEqual(["/registry/configmaps/a/x"]);
  await put(store, "b", "y");
  expect(names(store.cache)).toEqual(["/registry/configmaps/a/x"]);
  expect(made).toBe(2);
  await put(store, "c", "z");
  await store.update(maps, store.keyOf(maps, "a", "x"), async () => ({ type: "delete" }));
  expect(names(store.cache)).toEqual(["/registry/configmaps/c/z"]);
  expect(names(other.cache)).toEqual([]);
});
