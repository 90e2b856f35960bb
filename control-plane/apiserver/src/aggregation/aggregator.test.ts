import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { Aggregator } from "./aggregator.ts";

const SERVICE = {
  kind: "APIService",
  metadata: { name: "v1.taste.example.com" },
  spec: { group: "taste.example.com", version: "v1", service: { namespace: "default", name: "extension" } },
  status: { conditions: [{ type: "Available", status: "True" }] },
};
const LIST = { resources: [{ name: "flavours", namespaced: true, kind: "Flavour", verbs: ["get"] }] };

async function* endless(): AsyncIterable<Uint8Array> {
  for (;;) yield Buffer.alloc(1024 * 1024);
}

test.each([
  ["never comes", () => new Promise(() => {})],
  ["never ends", async () => ({ status: 200, headers: {}, body: endless() })],
])("of a server whose OpenAPI document %s the resources are known all the same", async (_what, document) => {
  const clock = new VirtualClock();
  const cached = { object: SERVICE };
  const cache = { subscribe: () => () => {}, get: () => cached, head: { range: () => [["key", cached]] } };
  const client = {
    request: (_spec: object, { path }: { readonly path: string }) =>
      path === "/openapi/v2"
        ? document()
        : Promise.resolve({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(LIST)) }),
  };
  const aggregator = new Aggregator(cache as never, client as never, clock);
  let isDone = false;
  void aggregator.learn(SERVICE as never, new AbortController().signal).then(() => {
    isDone = true;
  });
  await clock.advance(60_000);
  expect(isDone).toBe(true);
  expect(aggregator.groups).toMatchObject([{ name: "taste.example.com", versions: [{ resources: [{}] }] }]);
});

test("what was discovered of a server that is not available is stale", async () => {
  let status = "True";
  const conditions = () => [{ type: "Available", status }];
  const entry = {
    get object() {
      return { ...SERVICE, status: { conditions: conditions() } };
    },
  };
  const cache = { subscribe: () => () => {}, get: () => entry, head: { range: () => [["key", entry]] } };
  const client = { request: async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(LIST)) }) };
  const aggregator = new Aggregator(cache as never, client as never, new VirtualClock());
  const shown = () =>
    aggregator.groups[0]?.versions.map(({ freshness, resources = [] }) => [freshness, resources.length]);
  expect(shown()).toEqual([["Stale", 0]]);
  await aggregator.learn(SERVICE as never, new AbortController().signal);
  expect(shown()).toEqual([["Current", 1]]);
  status = "False";
  expect(shown()).toEqual([["Stale", 0]]);
});

test("resources that tell no kind are given an empty one", async () => {
  const resources = [{ resource: "flavours", subresources: [{ subresource: "status" }] }];
  const versions = [{ version: "v1", resources }];
  const all = { kind: "APIGroupDiscoveryList", items: [{ metadata: { name: SERVICE.spec.group }, versions }] };
  const cached = { object: SERVICE };
  const cache = { subscribe: () => () => {}, get: () => cached, head: { range: () => [["key", cached]] } };
  const client = { request: async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(all)) }) };
  const aggregator = new Aggregator(cache as never, client as never, new VirtualClock());
  await aggregator.learn(SERVICE as never, new AbortController().signal);
  const responseKind = { group: "", version: "", kind: "" };
  expect(aggregator.groups[0]?.versions[0]?.resources).toEqual([
    { resource: "flavours", responseKind, subresources: [{ subresource: "status", responseKind }] },
  ]);
});

test("versions come by priority, and where that is the same the newer first", () => {
  const priorities = Object.entries({ v1beta1: 1, v2: 1, v1alpha1: 9, v1: 1 });
  const services = priorities.map(([version, versionPriority]) => [
    version,
    { object: { ...SERVICE, spec: { ...SERVICE.spec, version, versionPriority } } },
  ]);
  const cache = { subscribe: () => () => {}, get: () => undefined, head: { range: () => services } };
  const { groups } = new Aggregator(cache as never, {} as never, new VirtualClock());
  expect(groups[0]?.versions.map(({ version }) => version)).toEqual(["v1alpha1", "v2", "v1", "v1beta1"]);
});
