import { expect, test } from "vitest";
import { rolloutOf, type WorkloadState } from "./apply.ts";

const deployment = (status: NonNullable<WorkloadState["status"]>): WorkloadState => ({
  metadata: { generation: 2 },
  spec: { replicas: 2 },
  status: { observedGeneration: 2, ...status },
});

test.each([
  ["the change is not seen yet", { observedGeneration: 1, replicas: 2, updatedReplicas: 2, readyReplicas: 2 }, 0],
  ["one that is ready is a former one", { replicas: 3, updatedReplicas: 2, readyReplicas: 2 }, 1],
  ["all are ready, but a former one still serves", { replicas: 3, updatedReplicas: 2, readyReplicas: 3 }, 1],
  ["only new ones are left, one not ready", { replicas: 2, updatedReplicas: 2, readyReplicas: 1 }, 1],
  ["it is done", { replicas: 2, updatedReplicas: 2, readyReplicas: 2 }, 2],
])("a deployment when %s", (_, status, ready) => {
  expect(rolloutOf("Deployment", deployment(status))).toEqual({ ready, wanted: 2 });
});

test("a daemon set counts its nodes", () => {
  const status = { desiredNumberScheduled: 1, currentNumberScheduled: 1, updatedNumberScheduled: 0, numberReady: 1 };
  expect(rolloutOf("DaemonSet", { status })).toEqual({ ready: 0, wanted: 1 });
  expect(rolloutOf("DaemonSet", { status: { ...status, updatedNumberScheduled: 1 } })).toEqual({ ready: 1, wanted: 1 });
});
