import { expect, test } from "vitest";
import type { Pod } from "../../generated/types/core-v1.ts";
import { missingRequirements } from "./pod-usage.ts";

const asking = (name: string, requests: Record<string, string>) => ({ name, resources: { requests } });

test("where a quota counts cpu or memory, each container must say what it wants", () => {
  const pod: Pod = {
    spec: { containers: [asking("b", {}), asking("a", { cpu: "1" })], initContainers: [asking("i", { memory: "1" })] },
  };
  expect(missingRequirements(pod, ["requests.cpu", "limits.memory", "memory", "pods", "requests.storage"])).toEqual([
    "limits.memory for: a,b,i",
    "memory for: a,b",
    "requests.cpu for: b,i",
  ]);
  expect(missingRequirements(pod, ["pods", "ephemeral-storage"])).toEqual([]);
});

test("nothing is missing where the pod asks for resources as a whole", () => {
  const pod: Pod = { spec: { containers: [asking("a", {})], resources: { requests: { cpu: "1" } } } };
  expect(missingRequirements(pod, ["requests.cpu", "requests.memory"])).toEqual([]);
});
