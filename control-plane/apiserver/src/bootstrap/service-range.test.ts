import { startCluster } from "@tsukube/testing";
import { expect, test } from "vitest";

test("the network of Services is ready since a time: clients of some languages refuse a condition without", async () => {
  const cluster = await startCluster();
  const range = await cluster.client.raw("GET", "/apis/networking.k8s.io/v1/servicecidrs/kubernetes");
  const lastTransitionTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
  expect(range).toMatchObject({ status: { conditions: [{ type: "Ready", status: "True", lastTransitionTime }] } });
  await cluster.close();
});
