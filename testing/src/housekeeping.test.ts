import type { Secret } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { NodeActor } from "./node-actor.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startManagedCluster();
});
afterEach(() => cluster.close());

test("nodes are told for how long their kubelets may use what they read", async () => {
  const kubelets = new NodeActor(cluster);
  await kubelets.join("one");
  await cluster.clock.advance(1000);
  expect((await kubelets.nodes.get("one")).metadata?.annotations).toEqual({ "node.alpha.kubernetes.io/ttl": "0" });
});

test("bootstrap tokens go when they have ended", async () => {
  const secrets = cluster.client.resource<Secret>({ group: "", version: "v1", resource: "secrets" }, "kube-system");
  const expiration = new Date(cluster.clock.now() + 600_000).toISOString();
  const stringData = { "token-id": "abcdef", "token-secret": "0123456789abcdef", expiration };
  const metadata = { name: "bootstrap-token-abcdef" };
  await secrets.create({ metadata, type: "bootstrap.kubernetes.io/token", stringData });
  const names = async () => (await secrets.list()).items.map(({ metadata: of }) => of?.name);
  await cluster.clock.advance(599_000);
  expect(await names()).toEqual(["bootstrap-token-abcdef"]);
  await cluster.clock.advance(2000);
  expect(await names()).toEqual([]);
});
