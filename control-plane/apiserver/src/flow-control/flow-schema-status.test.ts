import type { FlowSchema, PriorityLevelConfiguration } from "@tsukube/api/types/flowcontrol-v1";
import { startCluster } from "@tsukube/testing";
import { expect, test } from "vitest";

const flowcontrol = { group: "flowcontrol.apiserver.k8s.io", version: "v1" };

test("a FlowSchema dangles until its priority level exists", async () => {
  const cluster = await startCluster();
  const schemas = cluster.client.resource<FlowSchema>({ ...flowcontrol, resource: "flowschemas" });
  const levels = cluster.client.resource<PriorityLevelConfiguration>({
    ...flowcontrol,
    resource: "prioritylevelconfigurations",
  });
  const dangling = async () => {
    await cluster.clock.settle();
    const { status, reason } = (await schemas.get("s")).status?.conditions?.[0] ?? {};
    return [status, reason];
  };
  await schemas.create({ metadata: { name: "s" }, spec: { priorityLevelConfiguration: { name: "l" } } });
  expect(await dangling()).toEqual(["True", "NotFound"]);
  await levels.create({
    metadata: { name: "l" },
    spec: { type: "Limited", limited: { limitResponse: { type: "Reject" } } },
  });
  expect(await dangling()).toEqual(["False", "Found"]);
  await cluster.close();
});
