import type { KubeObject } from "@tsukube/api";
import type { Deployment } from "@tsukube/api/types/apps-v1";
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec } from "@tsukube/api/types/autoscaling-v2";
import type { Event, Pod } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { PodActor } from "./pod-actor.ts";

let cluster: Cluster;
let actor: PodActor;
let autoscalers: ResourceClient<HorizontalPodAutoscaler>;
let deployments: ResourceClient<Deployment>;
let metrics: ResourceClient<KubeObject>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  actor = new PodActor(cluster);
  const kind = { group: "autoscaling", version: "v2", resource: "horizontalpodautoscalers" };
  autoscalers = cluster.client.resource(kind, "default");
  deployments = cluster.client.resource({ group: "apps", version: "v1", resource: "deployments" }, "default");
  metrics = cluster.client.resource({ group: "metrics.k8s.io", version: "v1beta1", resource: "pods" }, "default");
  await serve("pods", "metrics.k8s.io", "PodMetrics");
});
afterEach(() => cluster.close());

/** A resource of a metrics API as a custom resource, which tests write. */
async function serve(plural: string, group: string, of: string): Promise<void> {
  const names = { plural, singular: of.toLowerCase(), kind: of, listKind: `${of}List` };
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const versions = [{ name: "v1beta1", served: true, storage: true, schema }];
  const kind = { group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" };
  await cluster.client.resource(kind).create({
    metadata: {
      name: `${plural}.${group}`,
      annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes/metrics" },
    },
    spec: { group, scope: "Namespaced", names, versions },
  } as object);
  await cluster.clock.advance(1000);
}

const labels = { app: "web" };

async function create(replicas: number, spec: Partial<HorizontalPodAutoscalerSpec> = {}): Promise<void> {
  const container = { name: "c", image: "i", resources: { requests: { cpu: "100m" } } };
  const template = { metadata: { labels }, spec: { containers: [container] } };
  await deployments.create({
    metadata: { name: "web" },
    spec: { replicas, selector: { matchLabels: labels }, template },
  });
  await cluster.clock.advance(1000);
  await ready();
  const scaleTargetRef = { apiVersion: "apps/v1", kind: "Deployment", name: "web" };
  const resource = { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } };
  await autoscalers.create({
    metadata: { name: "web" },
    spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 10, metrics: [{ type: "Resource", resource }], ...spec },
  });
}

/** Makes all pods ready, long ago. */
async function ready(): Promise<void> {
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: "2024-12-31T00:00:00Z" }];
  for (const pod of await actor.list()) {
    const status: Pod["status"] = { phase: "Running", startTime: "2024-12-31T00:00:00Z", conditions };
    await actor.pods.updateStatus({ ...pod, status });
  }
  await cluster.clock.advance(100);
}

/** Each pod uses so much from now on. */
async function use(cpu: string): Promise<void> {
  for (const name of await actor.names()) {
    await metrics.delete(name).catch(() => {});
    const containers = [{ name: "c", usage: { cpu } }];
    const measured = { timestamp: formatTime(cluster.clock.now()), window: "30s", containers };
    await metrics.create({
      apiVersion: "metrics.k8s.io/v1beta1",
      kind: "PodMetrics",
      metadata: { name, labels },
      ...measured,
    } as object);
  }
  await cluster.clock.advance(16_000);
}

const size = async () => (await deployments.get("web")).spec?.replicas;
const statusOf = async () => (await autoscalers.get("web")).status;
const conditionsOf = async () =>
  Object.fromEntries(
    ((await statusOf())?.conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );

test("a workload grows with what its pods use, within its limits", async () => {
  await create(2);
  await use("90m");
  expect(await size()).toBe(4);
  expect(await statusOf()).toMatchObject({
    currentReplicas: 2,
    desiredReplicas: 4,
    currentMetrics: [
      { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 90, averageValue: "90m" } } },
    ],
  });
  expect(await conditionsOf()).toEqual({
    AbleToScale: "True SucceededRescale",
    ScalingActive: "True ValidMetricFound",
    ScalingLimited: "False DesiredWithinRange",
    ScaledToZero: "False NotScaledToZero",
  });
  const events = cluster.client.resource<Event>({ group: "", version: "v1", resource: "events" }, "default");
  const told = (await events.list()).items.filter(({ reason }) => reason === "SuccessfulRescale");
  expect(told.map(({ message }) => message)).toEqual([
    "New size: 4; reason: cpu resource utilization (percentage of request) above target",
  ]);
  await ready();
  await use("500m");
  await ready();
  await use("500m");
  expect(await size()).toBe(10);
  expect((await conditionsOf())["ScalingLimited"]).toBe("True TooManyReplicas");
});

test("it shrinks only after five minutes in which that was right", async () => {
  await create(4);
  await use("10m");
  expect(await size()).toBe(4);
  expect((await conditionsOf())["AbleToScale"]).toBe("True ScaleDownStabilized");
  await cluster.clock.advance(300_000);
  expect(await size()).toBe(1);
});

test("without metrics it stays as it is, says so, and wants what it wanted before", async () => {
  await create(2);
  await cluster.clock.advance(16_000);
  expect(await size()).toBe(2);
  expect((await conditionsOf())["ScalingActive"]).toBe("False FailedGetResourceMetric");
  expect(await statusOf()).toMatchObject({ currentReplicas: 2, desiredReplicas: 0 });
  await use("90m");
  await ready();
  for (const name of await actor.names()) await metrics.delete(name).catch(() => {});
  await deployments.patch("web", { type: "merge", body: { spec: { replicas: 3 } } });
  await cluster.clock.advance(16_000);
  expect(await statusOf()).toMatchObject({ currentReplicas: 3, desiredReplicas: 4 });
});

test("limits that it is outside of need no metric", async () => {
  await create(1, { minReplicas: 3 });
  await cluster.clock.advance(16_000);
  expect(await size()).toBe(3);
});

test("a target that there is not is told", async () => {
  await create(1, { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "other" } });
  await cluster.clock.advance(16_000);
  expect(await conditionsOf()).toEqual({ AbleToScale: "False FailedGetScale" });
});

test("pods that two autoscalers select are scaled by neither", async () => {
  await create(2);
  const { spec } = await autoscalers.get("web");
  if (spec === undefined) throw new Error("an autoscaler without a spec");
  await autoscalers.create({ metadata: { name: "again" }, spec });
  await cluster.clock.advance(16_000);
  await use("90m");
  expect(await size()).toBe(2);
  expect((await statusOf())?.conditions).toContainEqual(
    expect.objectContaining({
      type: "ScalingActive",
      reason: "AmbiguousSelector",
      message: "pods by selector app=web are controlled by more than one HPA (e.g. [default/again default/web])",
    }),
  );
  await autoscalers.delete("again");
  await use("90m");
  expect(await size()).toBe(4);
});

test("a workload that its autoscaler brought to nothing comes back, one that somebody did does not", async () => {
  const kind = { group: "external.metrics.k8s.io", version: "v1beta1", resource: "queue" };
  await serve("queue", kind.group, "ExternalMetricValue");
  const queue = cluster.client.resource<KubeObject>(kind, "default");
  const measure = async (value: string): Promise<void> => {
    await queue.delete("q").catch(() => {});
    const apiVersion = "external.metrics.k8s.io/v1beta1";
    await queue.create({ apiVersion, kind: "ExternalMetricValue", metadata: { name: "q" }, value } as object);
    await cluster.clock.advance(16_000);
  };
  const external = { metric: { name: "queue" }, target: { type: "AverageValue", averageValue: "5" } };
  const behavior = { scaleDown: { stabilizationWindowSeconds: 0 } };
  await create(1, { minReplicas: 0, metrics: [{ type: "External", external }], behavior });
  await measure("0");
  await cluster.clock.advance(60_000);
  expect(await size()).toBe(0);
  expect((await conditionsOf())["ScaledToZero"]).toBe("True ScaledToZero");
  await measure("5");
  expect(await size()).toBe(1);
  expect((await conditionsOf())["ScaledToZero"]).toBe("False NotScaledToZero");
  await deployments.patch("web", { type: "merge", body: { spec: { replicas: 0 } } });
  await cluster.clock.advance(32_000);
  expect(await size()).toBe(0);
  expect((await conditionsOf())["ScalingActive"]).toBe("False ScalingDisabled");
});
