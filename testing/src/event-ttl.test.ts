import type { CustomResourceDefinition } from "@tsukube/api/types/apiextensions-v1";
import type { Event } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";

const HOUR = 3_600_000;
const EVENTS = { group: "", version: "v1", resource: "events" };
const CUSTOM = { group: "example.com", version: "v1", resource: "events" };

let cluster: Cluster;
let events: ResourceClient<Event>;
beforeEach(async () => {
  cluster = await startCluster();
  events = cluster.client.resource<Event>(EVENTS, "default");
});
afterEach(() => cluster.close());

const named = (name: string): Event => ({
  metadata: { name },
  involvedObject: { kind: "Pod", namespace: "default", name },
});
const present = async (): Promise<readonly (string | undefined)[]> =>
  (await events.list()).items.map(({ metadata }) => metadata?.name);

test("an event goes an hour after it was last written, under a revision of its own", async () => {
  await events.create(named("once"));
  const again = await events.create(named("again"));
  const before = (await events.list()).metadata?.resourceVersion;
  await cluster.clock.advance(0.6 * HOUR);
  await events.update({ ...again, count: 2 });
  expect(await present()).toEqual(["again", "once"]);
  await cluster.clock.advance(0.5 * HOUR);
  expect(await present()).toEqual(["again"]);
  expect(Number((await events.list()).metadata?.resourceVersion)).toBe(Number(before) + 2);
  await cluster.clock.advance(0.6 * HOUR);
  expect(await present()).toEqual([]);
});

test("events that somebody defined stay", async () => {
  const names = { plural: "events", singular: "event", kind: "Event", listKind: "EventList" };
  const schema = { openAPIV3Schema: { type: "object" } };
  const kind = { group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" };
  await cluster.client.resource<CustomResourceDefinition>(kind).create({
    metadata: { name: "events.example.com" },
    spec: {
      ...{ group: "example.com", scope: "Namespaced", names },
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  });
  await cluster.clock.settle();
  const custom = cluster.client.resource(CUSTOM, "default");
  await custom.create({ apiVersion: "example.com/v1", kind: "Event", metadata: { name: "stays" } } as object);
  await cluster.clock.advance(3 * HOUR);
  expect((await custom.list()).items).toHaveLength(1);
});
