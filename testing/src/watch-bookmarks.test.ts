import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { lines } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const MAPS = { group: "", version: "v1", resource: "configmaps" };

let cluster: Cluster;
beforeEach(async () => void (cluster = await startCluster()));
afterEach(() => cluster.close());

interface Bookmark {
  readonly type: string;
  readonly object: Readonly<Record<string, unknown>>;
}

/** Begins a watch. @returns what it has told so far, and whether it has ended. */
async function watch(query: string): Promise<{ readonly events: readonly Bookmark[]; readonly ended: () => boolean }> {
  const revision = (await cluster.client.resource<ConfigMap>(MAPS, "default").list()).metadata?.resourceVersion;
  const path = `/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=${revision}${query}`;
  const { body } = await cluster.transport.request({ method: "GET", path, headers: {} });
  const events: Bookmark[] = [];
  let hasEnded = false;
  const read = async (): Promise<void> => {
    for await (const line of lines(body)) events.push(JSON.parse(Buffer.from(line).toString()) as Bookmark);
    hasEnded = true;
  };
  void read();
  return { events, ended: () => hasEnded };
}

test("who asks for bookmarks is told once a minute how far the watch is, of other kinds too", async () => {
  const { events } = await watch("&allowWatchBookmarks=true");
  await cluster.clock.advance(MINUTE - SECOND);
  expect(events).toEqual([]);
  const secret = await cluster.client
    .resource({ ...MAPS, resource: "secrets" }, "default")
    .create({ metadata: { name: "s" } });
  await cluster.clock.advance(2 * SECOND);
  const { resourceVersion } = secret.metadata ?? {};
  expect(events).toEqual([
    { type: "BOOKMARK", object: { kind: "ConfigMap", apiVersion: "v1", metadata: { resourceVersion } } },
  ]);
  await cluster.clock.advance(3 * MINUTE);
  expect(events).toHaveLength(4);
});

test("who does not ask for bookmarks gets none", async () => {
  const { events } = await watch("");
  await cluster.clock.advance(5 * MINUTE);
  expect(events).toEqual([]);
});

test("a bookmark comes two seconds before the watch ends", async () => {
  const { events, ended } = await watch("&allowWatchBookmarks=true&timeoutSeconds=30");
  await cluster.clock.advance(27 * SECOND);
  expect(events).toEqual([]);
  await cluster.clock.advance(SECOND);
  expect([events.map(({ type }) => type), ended()]).toEqual([["BOOKMARK"], false]);
  await cluster.clock.advance(2 * SECOND);
  expect([events.length, ended()]).toEqual([1, true]);
});

test("a watch that names no end ends between half an hour and an hour after it began", async () => {
  const watches = await Promise.all(Array.from({ length: 20 }, () => watch("")));
  await cluster.clock.advance(30 * MINUTE - SECOND);
  expect(watches.filter(({ ended }) => ended())).toEqual([]);
  await cluster.clock.advance(15 * MINUTE);
  const halfway = watches.filter(({ ended }) => ended()).length;
  expect([halfway > 0, halfway < watches.length]).toEqual([true, true]);
  await cluster.clock.advance(15 * MINUTE + SECOND);
  expect(watches.filter(({ ended }) => !ended())).toEqual([]);
});
