import { expect, test } from "vitest";
import { autoscalerToV1, autoscalerToV2, hasOtherMetrics } from "./autoscaler-versions.ts";

const selector = { matchLabels: { a: "b" } };
const METRICS = [
  {
    type: "Object",
    object: {
      describedObject: { kind: "Service", name: "s", apiVersion: "v1" },
      metric: { name: "m", selector },
      target: { type: "Value", value: "10" },
    },
  },
  {
    type: "Object",
    object: {
      describedObject: { kind: "Service", name: "s" },
      metric: { name: "m" },
      target: { type: "AverageValue", averageValue: "1500m" },
    },
  },
  { type: "Pods", pods: { metric: { name: "p" }, target: { type: "AverageValue", averageValue: "2" } } },
  { type: "Resource", resource: { name: "cpu", target: { type: "AverageValue", averageValue: "100m" } } },
  { type: "Resource", resource: { name: "memory", target: { type: "Utilization", averageUtilization: 70 } } },
  {
    type: "ContainerResource",
    containerResource: { name: "cpu", container: "c", target: { type: "Utilization", averageUtilization: 40 } },
  },
  {
    type: "External",
    external: { metric: { name: "e", selector }, target: { type: "AverageValue", averageValue: "3" } },
  },
  { type: "External", external: { metric: { name: "e" }, target: { type: "Value", value: "4" } } },
];
const CPU = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 55 } } };
const STATUS = {
  currentReplicas: 1,
  currentMetrics: [
    {
      type: "Object",
      object: {
        describedObject: { kind: "Service", name: "s" },
        metric: { name: "m", selector },
        current: { value: "10", averageValue: "3" },
      },
    },
    { type: "Pods", pods: { metric: { name: "p" }, current: { averageValue: "2" } } },
    { type: "Resource", resource: { name: "cpu", current: { averageValue: "9m", averageUtilization: 7 } } },
    { type: "Resource", resource: { name: "memory", current: { averageUtilization: 8 } } },
    {
      type: "ContainerResource",
      containerResource: { name: "memory", container: "c", current: { averageValue: "1Gi" } },
    },
    { type: "External", external: { metric: { name: "e" }, current: { value: "4" } } },
  ],
  conditions: [{ type: "AbleToScale", status: "True", lastTransitionTime: null, reason: "r", message: "m" }],
};
const BEHAVIOR = {
  scaleUp: {
    stabilizationWindowSeconds: 0,
    selectPolicy: "Max",
    policies: [{ type: "Pods", value: 4, periodSeconds: 15 }],
  },
};
const v2 = {
  metadata: { name: "h", annotations: { k: "v" } },
  spec: { maxReplicas: 5, metrics: [...METRICS, CPU], behavior: BEHAVIOR },
  status: STATUS,
};

test("an autoscaler survives the way through autoscaling/v1 whole", () => {
  const v1 = autoscalerToV1(v2);
  expect(v1["spec"]).toEqual({ maxReplicas: 5, targetCPUUtilizationPercentage: 55 });
  expect(v1["status"]).toEqual({ currentReplicas: 1, currentCPUUtilizationPercentage: 7 });
  expect(hasOtherMetrics(v1)).toBe(true);
  expect(autoscalerToV2(v1)).toEqual(v2);
});

test("annotations are upstream's, to the letter", () => {
  const { metadata } = autoscalerToV1({ spec: { metrics: [METRICS[4]], behavior: BEHAVIOR } });
  expect(metadata).toEqual({
    annotations: {
      "autoscaling.alpha.kubernetes.io/metrics":
        '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":70}}]',
      "autoscaling.alpha.kubernetes.io/behavior":
        '{"ScaleUp":{"StabilizationWindowSeconds":0,"SelectPolicy":"Max","Policies":[{"Type":"Pods","Value":4,"PeriodSeconds":15}],"Tolerance":null},"ScaleDown":null}',
    },
  });
});

test("behaviour is read in any case", () => {
  const annotations = {
    "autoscaling.alpha.kubernetes.io/behavior": '{"scaleup":{"POLICIES":[{"type":"Pods"}],"x":1}}',
  };
  expect(autoscalerToV2({ metadata: { annotations }, spec: {} })["spec"]).toMatchObject({
    behavior: { scaleUp: { policies: [{ type: "Pods" }] } },
  });
});

test("without any metric the CPU is measured", () => {
  const byCpu = {
    type: "Resource",
    resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
  };
  for (const text of [undefined, "[]", "nonsense", "{}", "[1]"]) {
    const annotations = { "autoscaling.alpha.kubernetes.io/metrics": text };
    expect(autoscalerToV2({ metadata: { annotations }, spec: {} })["spec"]).toEqual({ metrics: [byCpu] });
  }
  expect(autoscalerToV2({ spec: { targetCPUUtilizationPercentage: 5 } })["spec"]).toMatchObject({
    metrics: [{ resource: { target: { averageUtilization: 5 } } }],
  });
});
