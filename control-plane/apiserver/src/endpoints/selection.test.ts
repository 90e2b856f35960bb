import { decodeJson, parseFieldSelector, parseLabelSelector, schemaOf, textAt, type Unstructured } from "@tsukube/api";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock } from "@tsukube/host";
import { MemoryStore } from "@tsukube/store";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { parseRequestInfo } from "../chain/request-info.ts";
import { Registry } from "../registry/registry.ts";
import { ObjectStore } from "../storage/object-store.ts";
import { StorageMetrics } from "../storage/storage-metrics.ts";
import { WatchCache } from "../storage/watch-cache.ts";
import { selectionOf } from "./selection.ts";

const schema = schemaOf({ group: "", version: "v1", kind: "Pod" })!;
const pods = new Registry().get("", "v1", "pods")!;
const open: WatchCache[] = [];
afterEach(async () => {
  for (const cache of open.splice(0)) await cache.close();
});

interface Shape {
  readonly namespace: number;
  readonly name: number;
  readonly app: string | undefined;
  readonly tier: string | undefined;
  readonly node: string | undefined;
}

/** Begins with what `from` holds, decoded by nobody. */
async function storeOver(from: MemoryStore): Promise<ObjectStore> {
  const memory = from.fork();
  const decode = (_key: string, bytes: Uint8Array): Unstructured => decodeJson<Unstructured>(bytes, schema).object;
  const visiting = async (visit: Parameters<Parameters<typeof WatchCache.open>[0]>[0]): Promise<MemoryStore> => {
    for (const record of (await memory.range("")).records) visit(record);
    return memory;
  };
  const cache = await WatchCache.open(visiting, { decode, clock: realClock, logger: silentLogger });
  open.push(cache);
  return new ObjectStore(cache, new StorageMetrics(createMetrics(), realClock));
}

async function put(store: ObjectStore, { namespace, name, app, tier, node }: Shape): Promise<void> {
  const labels = { ...(app !== undefined && { app }), ...(tier !== undefined && { tier }) };
  const metadata = { namespace: `ns-${namespace}`, name: `pod-${name}`, uid: `${namespace}-${name}`, labels };
  const spec = { containers: [], ...(node !== undefined && { nodeName: node }) };
  const object = { kind: "Pod", apiVersion: "v1", metadata, spec } as Unstructured;
  const key = store.keyOf(pods, metadata.namespace, metadata.name);
  await store.update(pods, key, async () => ({ type: "put", object }));
}

async function remove(store: ObjectStore, { namespace, name }: Shape): Promise<void> {
  await store.update(pods, store.keyOf(pods, `ns-${namespace}`, `pod-${name}`), async () => ({ type: "delete" }));
}

interface Query {
  readonly namespace: string;
  readonly labels: string;
  readonly fields: string;
}

/** The keys that a list would show. */
function selected(store: ObjectStore, { namespace, labels, fields }: Query): readonly string[] {
  const path = namespace === "" ? "/api/v1/pods" : `/api/v1/namespaces/${namespace}/pods`;
  const query = new URLSearchParams({ labelSelector: labels, fieldSelector: fields });
  const selection = selectionOf(store, pods, parseRequestInfo("GET", `${path}?${query}`));
  const prefix = pods.storage.prefix + (namespace === "" ? "" : `${namespace}/`);
  return [...selection.candidates(store.cache.head, prefix).entries]
    .filter(([, cached]) => selection.matches(cached))
    .map(([key]) => key);
}

/** The same by looking at every object. */
function scanned(store: ObjectStore, { namespace, labels, fields }: Query): readonly string[] {
  const byLabel = parseLabelSelector(labels);
  const byField = parseFieldSelector(fields);
  const prefix = pods.storage.prefix + (namespace === "" ? "" : `${namespace}/`);
  return [...store.cache.head.range(prefix)]
    .filter(([, { object }]) => byLabel.matches(object.metadata?.labels))
    .filter(([, { object }]) => byField.matches((field) => textAt(object, field)))
    .map(([key]) => key);
}

const app = fc.constantFrom("web", "db", "", undefined);
const shape = fc.record({
  namespace: fc.nat({ max: 2 }),
  name: fc.nat({ max: 60 }),
  app,
  tier: fc.constantFrom("front", "back", undefined),
  node: fc.constantFrom("n1", "n2", undefined),
});
const query = fc.record({
  namespace: fc.constantFrom("", "ns-0", "ns-1", "ns-9"),
  labels: fc.constantFrom(
    ...[
      "",
      "app=web",
      "app=",
      "app in (web,db)",
      "app!=web",
      "!tier",
      "app=web,tier=back",
      "tier in (front),app",
      "x=y",
    ],
  ),
  fields: fc.constantFrom(
    ...[
      "",
      "spec.nodeName=n1",
      "spec.nodeName=",
      "spec.nodeName!=n1",
      "metadata.name=pod-7",
      "metadata.namespace=ns-1",
    ],
  ),
});
const step = fc.oneof(
  fc.record({ put: shape }),
  fc.record({ remove: shape }),
  fc.record({ ask: query }),
  fc.record({ ask: query }),
);

describe("a selection", () => {
  test("finds by index what looking at every object finds, whatever changes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        const store = await storeOver(new MemoryStore({ clock: realClock }));
        for (let name = 0; name < 70; name += 1)
          await put(store, { namespace: name % 3, name, app: name % 2 ? "web" : "db", tier: undefined, node: "n1" });
        for (const each of steps) {
          if ("put" in each) await put(store, each.put);
          else if ("remove" in each) await remove(store, each.remove);
          else expect(selected(store, each.ask)).toEqual(scanned(store, each.ask));
        }
      }),
      { numRuns: 30, seed: 20251128 },
    );
  });

  test("finds the same in objects that nobody decoded", async () => {
    const writing = await storeOver(new MemoryStore({ clock: realClock }));
    const nodes = ["n1", "n2", undefined];
    const apps = ["web", "", undefined, "db"];
    for (let name = 0; name < 90; name += 1)
      await put(writing, { namespace: name % 3, name, app: apps[name % 4], tier: undefined, node: nodes[name % 3] });
    for (const labels of ["", "app=web", "app=", "app notin (db)"])
      for (const fields of ["", "spec.nodeName=n2", "spec.nodeName=", "metadata.name=pod-7"]) {
        const asked = { namespace: "", labels, fields };
        const fresh = await storeOver(writing.cache.store as MemoryStore);
        const found = selected(fresh, asked);
        const decoded = [...fresh.cache.head.range("")].filter(([, cached]) => cached.decoded !== undefined);
        expect(decoded).toEqual([]);
        expect(found).toEqual(scanned(writing, asked));
      }
  });

  test("asks no index of another state than the newest", async () => {
    const store = await storeOver(new MemoryStore({ clock: realClock }));
    for (let name = 0; name < 80; name += 1)
      await put(store, { namespace: 0, name, app: "web", tier: undefined, node: undefined });
    const asked = { namespace: "", labels: "app=db", fields: "" };
    expect(selected(store, asked)).toEqual([]);
    const before = store.cache.head;
    await put(store, { namespace: 0, name: 5, app: "db", tier: undefined, node: undefined });
    const info = parseRequestInfo("GET", "/api/v1/pods?labelSelector=app%3Dweb");
    const selection = selectionOf(store, pods, info);
    const past = [...selection.candidates(before, pods.storage.prefix).entries].filter(([, each]) =>
      selection.matches(each),
    );
    expect(past).toHaveLength(80);
    expect(selected(store, asked)).toEqual([`${pods.storage.prefix}ns-0/pod-5`]);
  });
});
