import type { ConfigMap } from "@tsukube/api/types/core-v1";
import { lines } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";

let cluster: Cluster;
beforeEach(async () => void (cluster = await startCluster()));
afterEach(() => cluster.close());

test("rows of a watch tell ages as of their event, not as of the watch's begin", async () => {
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const path = "/api/v1/namespaces/default/configmaps?watch=1&fieldSelector=metadata.name%3Dlate";
  const stop = new AbortController();
  const { body } = await cluster.transport.request({ method: "GET", path, headers: { accept }, signal: stop.signal });
  await cluster.clock.advance(60_000);
  const maps = cluster.client.resource<ConfigMap>({ group: "", version: "v1", resource: "configmaps" }, "default");
  await maps.create({ metadata: { name: "late" } });
  for await (const line of lines(body)) {
    const { object } = JSON.parse(Buffer.from(line).toString());
    expect(object.rows[0].cells).toEqual(["late", 0, "0s"]);
    break;
  }
  stop.abort();
});
