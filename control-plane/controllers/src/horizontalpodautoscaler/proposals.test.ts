import { ApiError } from "@tsukube/api";
import type { MetricSpec } from "@tsukube/api/types/autoscaling-v2";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import { expect, test } from "vitest";
import { MetricsSource } from "./metrics-source.ts";
import type { PodMetric } from "./pod-groups.ts";
import { countResource, countValue, prefixOf, propose } from "./proposals.ts";

const NOW = Date.UTC(2025, 0, 1, 1);
const tolerances = { up: 0.1, down: 0.1 };

function pod(name: string, cpu: string | undefined, sidecar?: string): Pod {
  const resources = cpu === undefined ? {} : { requests: { cpu } };
  const containers = [{ name: "c", resources }];
  const own = sidecar === undefined ? [] : [{ name: "s", resources: { requests: { cpu: sidecar } } }];
  const conditions = [{ type: "Ready", status: "True", lastTransitionTime: "2025-01-01T00:00:00Z" }];
  return {
    metadata: { name, namespace: "default" },
    spec: { containers: [...containers, ...own] },
    status: { phase: "Running", startTime: "2025-01-01T00:00:00Z", conditions },
  };
}

const workload = (pods: readonly Pod[], specReplicas = pods.length, statusReplicas = specReplicas) => ({
  namespace: "default",
  selector: "app=a",
  pods,
  specReplicas,
  statusReplicas,
});
const using = (milli: number, ...names: string[]): ReadonlyMap<string, PodMetric> =>
  new Map(names.map((name) => [name, { value: milli, at: NOW, windowMs: 30_000 }]));

test("a share is of what the containers asked for", () => {
  const pods = [pod("a", "200m", "200m"), pod("b", "200m", "200m")];
  const input = { workload: workload(pods), tolerances, now: NOW };
  const target = { type: "Utilization", averageUtilization: 50 };
  expect(countResource(input, using(400, "a", "b"), "cpu", target)).toEqual({
    replicas: 4,
    current: { averageUtilization: 100, averageValue: "400m" },
    share: true,
  });
  expect(countResource(input, using(150, "a", "b"), "cpu", target, "s")).toMatchObject({
    replicas: 3,
    current: { averageUtilization: 75 },
  });
});

test("an average is of what the pods use", () => {
  const input = { workload: workload([pod("a", undefined), pod("b", undefined)]), tolerances, now: NOW };
  expect(countResource(input, using(900, "a", "b"), "cpu", { type: "AverageValue", averageValue: "600m" })).toEqual({
    replicas: 3,
    current: { averageValue: "900m" },
    share: false,
  });
});

test("without pods, measurements or requests nothing can be said", () => {
  const target = { type: "Utilization", averageUtilization: 50 };
  const ask = (pods: readonly Pod[], metrics: ReadonlyMap<string, PodMetric>) => () =>
    countResource({ workload: workload(pods, 1), tolerances, now: NOW }, metrics, "cpu", target);
  expect(ask([], using(1, "a"))).toThrow("no pods returned by selector");
  expect(ask([pod("a", "1")], using(1, "b"))).toThrow("did not receive metrics for targeted pods");
  expect(ask([pod("a", undefined)], using(1, "a"))).toThrow("missing request for cpu in container c of Pod a");
});

test("a value that all share is kept as it is by the pods that are ready", () => {
  const input = { workload: workload([pod("a", "1"), pod("b", "1")]), tolerances };
  expect(countValue(input, 30_000, { type: "Value", value: "20" })).toEqual({ replicas: 3, current: { value: "30" } });
  expect(countValue(input, 21_000, { type: "Value", value: "20" }).replicas).toBe(2);
  expect(countValue({ ...input, workload: workload([], 0) }, 30_000, { type: "Value", value: "20" }).replicas).toBe(2);
});

test("or divided among them", () => {
  const input = { workload: workload([pod("a", "1"), pod("b", "1")]), tolerances };
  const target = { type: "AverageValue", averageValue: "10" };
  expect(countValue(input, 45_000, target)).toEqual({ replicas: 5, current: { averageValue: "22500m" } });
  expect(countValue(input, 21_000, target).replicas).toBe(2);
  expect(countValue({ ...input, workload: workload([], 0) }, 0, target).replicas).toBe(0);
});

test("memory is told in binary units, a container that there is not by its name", () => {
  const mebibyte = 1024 * 1024 * 1000;
  const input = { workload: workload([pod("a", "1")]), tolerances, now: NOW };
  const byAverage = { type: "AverageValue", averageValue: "1Mi" };
  expect(countResource(input, using(mebibyte, "a"), "memory", byAverage).current).toEqual({ averageValue: "1Mi" });
  const byShare = { type: "Utilization", averageUtilization: 50 };
  const ask = () => countResource(input, using(1, "a"), "cpu", byShare, "other");
  expect(ask).toThrow("container other not found in Pod a");
});

test("a metric that cannot be had is told with what was asked for", async () => {
  const unserved = "the server could not find the requested resource";
  const client = {
    raw: async () => Promise.reject(new ApiError({ reason: "NotFound", code: 404, message: unserved })),
  };
  const source = new MetricsSource(client as unknown as Client);
  const input = { source, workload: workload([]), tolerances, now: NOW, resourceOf: async () => "services" };
  const selector = {
    matchLabels: { b: "2", a: "1" },
    matchExpressions: [{ key: "k", operator: "In", values: ["v", "w"] }],
  };
  const text =
    "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[v w],},},}";
  const utilization = { type: "Utilization", averageUtilization: 50 };
  const [value, average] = [
    { type: "Value", value: "5" },
    { type: "AverageValue", averageValue: "5" },
  ];
  const describedObject = { kind: "Service", name: "s", apiVersion: "v1" };
  const ofResources = `unable to fetch metrics from resource metrics API: ${unserved} (get pods.metrics.k8s.io)`;
  const ofCustom =
    "unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered";
  const ofExternal = `unable to fetch metrics from external metrics API: ${unserved} (get e.external.metrics.k8s.io)`;
  const cases: readonly (readonly [MetricSpec, string, string])[] = [
    [
      { type: "Resource", resource: { name: "cpu", target: utilization } },
      "failed to get cpu resource metric value: ",
      `failed to get cpu utilization: unable to get metrics for resource cpu: ${ofResources}`,
    ],
    [
      { type: "ContainerResource", containerResource: { name: "memory", container: "c", target: average } },
      "failed to get c container metric value: ",
      `failed to get memory usage: unable to get metrics for resource memory: ${ofResources}`,
    ],
    [
      { type: "Pods", pods: { metric: { name: "p" }, target: average } },
      "failed to get pods metric value: ",
      `unable to get metric p: ${ofCustom}`,
    ],
    [
      { type: "Object", object: { metric: { name: "o" }, describedObject, target: value } },
      "failed to get object metric value: ",
      `unable to get metric o on Service default/s: ${ofCustom}`,
    ],
    [
      { type: "Object", object: { metric: { name: "o" }, describedObject, target: average } },
      "failed to get object metric value: failed to get o object metric: ",
      `unable to get metric o on Service default/s: ${ofCustom}`,
    ],
    [
      { type: "External", external: { metric: { name: "e" }, target: value } },
      "failed to get e external metric value: failed to get external metric e: ",
      `unable to get external metric default/e/nil: ${ofExternal}`,
    ],
    [
      { type: "External", external: { metric: { name: "e", selector }, target: average } },
      "failed to get e external metric value: failed to get e external metric: ",
      `unable to get external metric default/e/${text}: ${ofExternal}`,
    ],
  ];
  for (const [metric, prefix, message] of cases) {
    expect(prefixOf(metric)).toBe(prefix);
    await expect(propose(metric, input)).rejects.toMatchObject({ message });
  }
});
