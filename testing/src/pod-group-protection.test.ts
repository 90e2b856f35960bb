import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodGroup } from "@tsukube/api/types/scheduling-v1beta1";
import { afterEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

test("a group of pods is deleted once its pods have ended", async () => {
  cluster = await startManagedCluster({
    featureGates: "GenericWorkload=true",
    runtimeConfig: "scheduling.k8s.io/v1beta1",
  });
  const groups = cluster.client.resource<PodGroup>(
    { group: "scheduling.k8s.io", version: "v1beta1", resource: "podgroups" },
    "default",
  );
  const pods = cluster.client.resource<Pod>({ group: "", version: "v1", resource: "pods" }, "default");
  await groups.create({ metadata: { name: "g" }, spec: { schedulingPolicy: { basic: {} } } });
  const schedulingGroup = { podGroupName: "g" };
  const spec = { schedulingGroup, nodeName: "n", containers: [{ name: "c", image: "i" }] };
  const pod = await pods.create({ metadata: { name: "p" }, spec });
  expect(pod.spec?.schedulingGroup).toEqual(schedulingGroup);
  await groups.delete("g");
  await cluster.clock.advance(10_000);
  expect((await groups.get("g")).metadata?.deletionTimestamp).toBeDefined();
  await pods.updateStatus({ ...(await pods.get("p")), status: { phase: "Succeeded" } });
  await cluster.clock.advance(1000);
  expect((await groups.list()).items).toEqual([]);
});

test("controllers of kinds that are not served leave the others to work", async () => {
  cluster = await startManagedCluster({
    featureGates: "ClusterTrustBundle=false,ClusterTrustBundleProjection=false,PodCertificateRequest=false",
    runtimeConfig: "batch/v1=false",
  });
  await cluster.client.raw("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
  await cluster.clock.advance(1000);
  const account = "/api/v1/namespaces/shop/serviceaccounts/default";
  expect(await cluster.client.raw("GET", account)).toMatchObject({ metadata: { name: "default" } });
});
