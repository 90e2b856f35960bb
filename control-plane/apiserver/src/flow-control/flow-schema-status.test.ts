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

test("who fights for the status of a FlowSchema is answered six times a minute", async () => {
  const cluster = await startCluster();
  const path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/exempt";
  const wrong = { type: "Dangling", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" };
  const found = async (): Promise<unknown> => {
    await cluster.clock.settle();
    return ((await cluster.client.raw("GET", path)) as FlowSchema).status?.conditions?.[0]?.status;
  };
  await cluster.clock.advance(60_000);
  const seen: unknown[] = [];
  for (let turn = 0; turn < 8; turn++) {
    const live = (await cluster.client.raw("GET", path)) as FlowSchema;
    await cluster.client.raw("PUT", `${path}/status`, { ...live, status: { conditions: [wrong] } });
    seen.push(await found());
  }
  expect(seen).toEqual([...Array(6).fill("False"), "True", "True"]);
  await cluster.clock.advance(60_000);
  expect(await found()).toBe("False");
  await cluster.close();
});
