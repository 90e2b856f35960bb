import type { ConfigMap, Pod, ResourceQuota, Service } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
let quotas: ResourceClient<ResourceQuota>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  quotas = cluster.client.resource({ group: "", version: "v1", resource: "resourcequotas" }, "default");
});
afterEach(() => cluster.close());

async function create(name: string, spec: ResourceQuota["spec"]): Promise<void> {
  await quotas.create({ metadata: { name }, ...(spec !== undefined && { spec }) });
  await cluster.clock.advance(1000);
}

const usedOf = async (name: string) => (await quotas.get(name)).status?.used;
const settle = () => cluster.clock.advance(1000);
const container = (cpu?: string) => ({
  name: "c",
  image: "i",
  ...(cpu !== undefined && { resources: { requests: { cpu } } }),
});

test("what a namespace holds is counted as it comes and goes", async () => {
  await create("all", { hard: { "count/configmaps": "9", services: "2", "services.nodeports": "1", pods: "1k" } });
  expect(await quotas.get("all")).toMatchObject({
    status: {
      hard: { "count/configmaps": "9", services: "2", "services.nodeports": "1", pods: "1k" },
      used: { "count/configmaps": "1", services: "1", "services.nodeports": "0", pods: "0" }, // root CA; `kubernetes`
    },
  });
  const configMaps = cluster.client.resource<ConfigMap>(
    { group: "", version: "v1", resource: "configmaps" },
    "default",
  );
  const services = cluster.client.resource<Service>({ group: "", version: "v1", resource: "services" }, "default");
  await configMaps.create({ metadata: { name: "a" } });
  await services.create({ metadata: { name: "s" }, spec: { type: "NodePort", ports: [{ port: 80 }] } });
  await settle();
  expect(await usedOf("all")).toMatchObject({ "count/configmaps": "2", services: "2", "services.nodeports": "1" });
  await configMaps.delete("a");
  await services.delete("s");
  await settle();
  expect(await usedOf("all")).toMatchObject({ "count/configmaps": "1", services: "1", "services.nodeports": "0" });
});

test("pods count while they may run, within the scopes of the quota", async () => {
  await create("best", { hard: { pods: "5", "count/pods": "5" }, scopes: ["BestEffort"] });
  await create("rest", { hard: { pods: "5", "requests.cpu": "5" }, scopes: ["NotBestEffort"] });
  const actor = new PodActor(cluster);
  const best: Pod = await actor.pods.create({ metadata: { name: "best" }, spec: { containers: [container()] } });
  await actor.pods.create({ metadata: { name: "rest" }, spec: { containers: [container("300m")] } });
  await settle();
  expect(await usedOf("best")).toEqual({ pods: "1", "count/pods": "1" });
  expect(await usedOf("rest")).toEqual({ pods: "1", "requests.cpu": "300m" });
  await actor.fail(best);
  await settle();
  expect(await usedOf("best")).toEqual({ pods: "0", "count/pods": "1" });
});

test("what admission charged for an object that is about to be created is not given back", async () => {
  await create("all", { hard: { pods: "5" } });
  const charged = await quotas.get("all");
  await quotas.updateStatus({ ...charged, status: { ...charged.status, used: { pods: "1" } } } as ResourceQuota);
  await cluster.clock.advance(300);
  expect(await usedOf("all")).toEqual({ pods: "1" });
  await settle();
  expect(await usedOf("all")).toEqual({ pods: "0" });
});

test("limits that change are taken over, and a kind that no quota counted yet is counted then", async () => {
  await create("all", { hard: { pods: "5" } });
  await quotas.patch("all", { type: "merge", body: { spec: { hard: { pods: "6", secrets: "3" } } } });
  await settle();
  expect((await quotas.get("all")).status).toEqual({
    hard: { pods: "6", secrets: "3" },
    used: { pods: "0", secrets: "0" },
  });
});

test("custom resources are counted once their definition is there", async () => {
  await create("all", { hard: { "count/widgets.example.com": "5" } });
  expect(await usedOf("all")).toBeUndefined();
  const names = { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" };
  const schema = { openAPIV3Schema: { type: "object" } };
  await cluster.client
    .resource({ group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" })
    .create({
      metadata: { name: "widgets.example.com" },
      spec: {
        group: "example.com",
        scope: "Namespaced",
        names,
        versions: [{ name: "v1", served: true, storage: true, schema }],
      },
    } as object);
  await cluster.clock.advance(31_000);
  expect(await usedOf("all")).toEqual({ "count/widgets.example.com": "0" });
  const widgets = cluster.client.resource({ group: "example.com", version: "v1", resource: "widgets" }, "default");
  await widgets.create({ apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "w" } });
  await cluster.clock.advance(31_000);
  expect(await usedOf("all")).toEqual({ "count/widgets.example.com": "1" });
});
