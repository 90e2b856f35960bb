import type { Lease } from "@tsukube/api/types/coordination-v1";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { renewLease } from "./node-lease.ts";

const NODE = { name: "system:node:here", groups: ["system:nodes", "system:authenticated"] };
const NODES = { group: "", version: "v1", resource: "nodes" };
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
  const namespaces = cluster.client.resource({ group: "", version: "v1", resource: "namespaces" });
  await namespaces.create({ metadata: { name: "kube-node-lease" } }).catch(() => {});
});
afterEach(() => cluster.close());

const lease = () =>
  cluster.client
    .resource<Lease>({ group: "coordination.k8s.io", version: "v1", resource: "leases" }, "kube-node-lease")
    .get("here");
const renew = () => renewLease(cluster.clientAs(NODE), cluster.clock, "here");

test("a lease is renewed, and belongs to its node", async () => {
  const { metadata } = await cluster.client.resource(NODES).create({ metadata: { name: "here" } });
  await renew();
  const first = await lease();
  expect(first.metadata?.ownerReferences).toEqual([
    { apiVersion: "v1", kind: "Node", name: "here", uid: metadata?.uid ?? "" },
  ]);
  expect(first.spec).toMatchObject({ holderIdentity: "here", leaseDurationSeconds: 40 });
  await cluster.clock.advance(10_000);
  await renew();
  expect(Date.parse((await lease()).spec?.renewTime ?? "") - Date.parse(first.spec?.renewTime ?? "")).toBe(10_000);
});

test("a lease that was there before the node belongs to it from the next renewal on", async () => {
  await renew();
  expect((await lease()).metadata?.ownerReferences).toBeUndefined();
  await cluster.client.resource(NODES).create({ metadata: { name: "here" } });
  await renew();
  expect((await lease()).metadata?.ownerReferences).toHaveLength(1);
});
