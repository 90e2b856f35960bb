import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => void (cluster = await startCluster()));
afterEach(() => cluster.close());

test("a watch of one object by its name begins with that object, and with no other", async () => {
  const maps = cluster.client.resource<ConfigMap>({ group: "", version: "v1", resource: "configmaps" }, "default");
  for (const name of ["a", "ab", "b"]) await maps.create({ metadata: { name } });
  const seen: string[] = [];
  const watch = maps.watch({
    ...{ fieldSelector: "metadata.name=a", sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" },
    allowWatchBookmarks: true,
  });
  for await (const event of watch) {
    seen.push(`${event.type} ${(event.object as ConfigMap).metadata?.name ?? ""}`);
    if (event.type === "BOOKMARK") break;
  }
  expect(seen).toEqual(["ADDED a", "BOOKMARK "]);
});
