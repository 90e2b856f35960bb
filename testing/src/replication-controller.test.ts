import type { Pod, ReplicationController } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

let cluster: Cluster;
let controllers: ResourceClient<ReplicationController>;
let pods: ResourceClient<Pod>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  controllers = cluster.client.resource({ group: "", version: "v1", resource: "replicationcontrollers" }, "default");
  pods = cluster.client.resource({ group: "", version: "v1", resource: "pods" }, "default");
});
afterEach(() => cluster.close());

const template = {
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "c", image: "i" }] },
};

test("a replication controller makes its pods and counts them", async () => {
  await controllers.create({ metadata: { name: "web" }, spec: { replicas: 3, template } });
  await cluster.clock.advance(1000);
  const { items } = await pods.list({ labelSelector: "app=web" });
  expect(items.map(({ metadata }) => metadata?.ownerReferences?.[0]?.kind)).toEqual(
    Array(3).fill("ReplicationController"),
  );
  expect((await controllers.get("web")).status).toMatchObject({ replicas: 3, fullyLabeledReplicas: 3 });
});

test("a pod that no longer matches is released and replaced; a matching orphan is adopted", async () => {
  await pods.create({ metadata: { name: "orphan", labels: { app: "web" } }, spec: template.spec });
  await controllers.create({ metadata: { name: "web" }, spec: { replicas: 1, template } });
  await cluster.clock.advance(1000);
  expect((await pods.list()).items.map(({ metadata }) => metadata?.name)).toEqual(["orphan"]);
  await pods.patch("orphan", { type: "merge", body: { metadata: { labels: { app: "other" } } } });
  await cluster.clock.advance(1000);
  expect((await pods.get("orphan")).metadata?.ownerReferences ?? []).toEqual([]);
  expect((await pods.list({ labelSelector: "app=web" })).items).toHaveLength(1);
});

test("a pod that cannot be made shows as the condition ReplicaFailure until it can", async () => {
  const accounts = cluster.client.resource({ group: "", version: "v1", resource: "serviceaccounts" }, "default");
  const spec = { ...template.spec, serviceAccountName: "robot" };
  await controllers.create({ metadata: { name: "web" }, spec: { replicas: 1, template: { ...template, spec } } });
  await cluster.clock.advance(1000);
  expect((await controllers.get("web")).status?.conditions).toMatchObject([
    { type: "ReplicaFailure", status: "True", reason: "FailedCreate" },
  ]);
  await accounts.create({ metadata: { name: "robot" } });
  await cluster.clock.advance(60_000);
  expect((await controllers.get("web")).status).toMatchObject({ replicas: 1 });
  expect((await controllers.get("web")).status?.conditions).toBeUndefined();
});

test("in a namespace that is being deleted no pod is made, and that is no failure", async () => {
  await cluster.client
    .resource({ group: "", version: "v1", resource: "namespaces" })
    .create({ metadata: { name: "going" } });
  await cluster.clock.advance(1000);
  const going = cluster.client.resource<ReplicationController>(
    { group: "", version: "v1", resource: "replicationcontrollers" },
    "going",
  );
  const held = { ...template, metadata: { ...template.metadata, finalizers: ["example.com/hold"] } };
  await going.create({ metadata: { name: "web" }, spec: { replicas: 1, template: held } });
  await cluster.clock.advance(1000);
  expect((await going.get("web")).status?.replicas).toBe(1);
  await cluster.client.resource({ group: "", version: "v1", resource: "namespaces" }).delete("going");
  await cluster.clock.advance(30_000);
  const { status } = await going.get("web");
  expect(status?.replicas).toBe(0);
  expect(status?.conditions).toBeUndefined();
});
