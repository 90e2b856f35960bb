import type { APIService } from "@tsukube/api/types/apiregistration-v1";
import type { ConfigMap, Namespace, Pod } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startManagedCluster();
  await namespaces().create({ metadata: { name: "shop" } });
  await cluster.clock.advance(1000);
});
afterEach(() => cluster.close());

const namespaces = () => cluster.client.resource<Namespace>(core("namespaces"));
const pods = () => cluster.client.resource<Pod>(core("pods"), "shop");
const maps = () => cluster.client.resource<ConfigMap>(core("configmaps"), "shop");

test("a namespace goes with all that is in it", async () => {
  await maps().create({ metadata: { name: "settings" } });
  await namespaces().delete("shop");
  await cluster.clock.advance(2000);
  await expect(namespaces().get("shop")).rejects.toThrow(/not found/);
  expect((await maps().list()).items).toEqual([]);
});

test("pods go first; as long as one is held nothing else goes, and the namespace says what holds it", async () => {
  const metadata = { name: "held", finalizers: ["example.com/hold"] };
  await pods().create({ metadata, spec: { containers: [{ name: "main", image: "x" }] } });
  await maps().create({ metadata: { name: "settings" } });
  await namespaces().delete("shop");
  await cluster.clock.advance(5000);
  const { status } = await namespaces().get("shop");
  expect(status?.phase).toBe("Terminating");
  expect(status?.conditions?.map((condition) => `${condition.type} ${condition.status} ${condition.reason}`)).toEqual([
    "NamespaceDeletionDiscoveryFailure False ResourcesDiscovered",
    "NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions",
    "NamespaceDeletionContentFailure False ContentDeleted",
    "NamespaceContentRemaining True SomeResourcesRemain",
    "NamespaceFinalizersRemaining True SomeFinalizersRemain",
  ]);
  expect((await maps().get("settings")).metadata?.deletionTimestamp).toBeUndefined();
  await pods().patch("held", { type: "merge", body: { metadata: { finalizers: null } } });
  await cluster.clock.advance(5000);
  await expect(namespaces().get("shop")).rejects.toThrow(/not found/);
});

test("a namespace waits for a server that does not answer: who knows what it holds", async () => {
  const kind = { group: "apiregistration.k8s.io", version: "v1", resource: "apiservices" };
  const service = { name: "ext", namespace: "default" };
  await cluster.client.resource<APIService>(kind).create({
    metadata: { name: "v1.ext.example.com" },
    spec: { group: "ext.example.com", version: "v1", groupPriorityMinimum: 100, versionPriority: 10, service },
  });
  await cluster.clock.advance(1000);
  await maps().create({ metadata: { name: "settings" } });
  await namespaces().delete("shop");
  await cluster.clock.advance(5000);
  expect((await maps().list()).items).toEqual([]);
  const { conditions } = (await namespaces().get("shop")).status ?? {};
  expect(conditions?.[0]).toMatchObject({ type: "NamespaceDeletionDiscoveryFailure", reason: "DiscoveryFailed" });
  await cluster.client.resource(kind).delete("v1.ext.example.com");
  await cluster.clock.advance(120_000);
  await expect(namespaces().get("shop")).rejects.toThrow(/not found/);
});
