import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { resourceValue } from "./environment.ts";

const sources = { allocatable: { cpuMilli: 4000, memoryBytes: 8 * 2 ** 30, storageBytes: 2 ** 40 } };
const own: Container = {
  name: "own",
  resources: { requests: { cpu: "100m" }, limits: { cpu: "1500m", memory: "64Mi" } },
};
const none: Container = { name: "none" };
const whole: Pod = { spec: { containers: [], resources: { limits: { cpu: "2", memory: "1Gi" } } } };

test.each<[string, Pod, Container, string, string | undefined, string]>([
  ["its own", whole, own, "limits.cpu", undefined, "2"],
  ["its own in parts", whole, own, "limits.memory", "1Mi", "64"],
  ["its pod's", whole, none, "limits.memory", "1Mi", "1024"],
  ["its node's", {}, none, "limits.cpu", "1m", "4000"],
  ["its node's, which pods have none of", whole, none, "limits.ephemeral-storage", "1Gi", "1024"],
  ["what it asks for", whole, own, "requests.cpu", "1m", "100"],
  ["nothing", whole, none, "requests.cpu", undefined, "0"],
])("a container is told of %s", (_, pod, container, resource, divisor, value) => {
  expect(resourceValue(pod, container, resource, divisor, sources)).toBe(value);
});
