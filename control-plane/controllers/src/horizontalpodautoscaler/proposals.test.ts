import type { Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import type { PodMetric } from "./pod-groups.ts";
import { countResource, countValue } from "./proposals.ts";

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
  expect(ask([pod("a", undefined)], using(1, "a"))).toThrow("missing request for cpu in container c of Pod default/a");
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
