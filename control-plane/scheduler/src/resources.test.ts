import type { Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { podRequests } from "./resources.ts";

const cpu = (amount: string) => ({ requests: { cpu: amount } });
const asking = (name: string, amount: string) => ({ name, resources: cpu(amount) });
const INFEASIBLE = [{ type: "PodResizePending", status: "True", reason: "Infeasible" }];
const holding = (name: string, allocated: string, actual: string) => ({
  ...{ name, ready: true, restartCount: 0, image: "", imageID: "" },
  ...{ allocatedResources: { cpu: allocated }, resources: cpu(actual) },
});

test.for<[what: string, pod: Pod, milli: number]>([
  ["what it wants", { spec: { containers: [asking("a", "250m"), asking("b", "1")], overhead: { cpu: "50m" } } }, 1300],
  [
    "what it has while it shrinks",
    { spec: { containers: [asking("a", "1")] }, status: { containerStatuses: [holding("a", "1", "3")] } },
    3000,
  ],
  [
    "what it wants while it grows",
    { spec: { containers: [asking("a", "4")] }, status: { containerStatuses: [holding("a", "1", "1")] } },
    4000,
  ],
  [
    "not what its node can never give",
    {
      spec: { containers: [asking("a", "100")] },
      status: { conditions: INFEASIBLE, containerStatuses: [holding("a", "1", "1")] },
    },
    1000,
  ],
  [
    "what its sidecars have",
    {
      spec: { containers: [asking("a", "1")], initContainers: [{ ...asking("s", "1"), restartPolicy: "Always" }] },
      status: { initContainerStatuses: [holding("s", "2", "3")] },
    },
    4000,
  ],
  [
    "the whole pod's, not what its node can never give",
    {
      spec: { containers: [asking("a", "1")], resources: cpu("100") },
      status: { conditions: INFEASIBLE, allocatedResources: { cpu: "2" }, resources: cpu("3") },
    },
    3000,
  ],
])("a pod takes of its node %s", ([, pod, milli]) => {
  expect(podRequests(pod).get("cpu")).toBe(milli);
});
