import type { Unstructured } from "@tsukube/api";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const WIDGETS = "/apis/example.com/v1/namespaces/default/widgets";
const core = (resource: string) => ({ group: "", version: "v1", resource });
let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster();
  await cluster.client
    .resource(core("namespaces"))
    .create({ metadata: { name: "default" } })
    .catch(() => {});
  await cluster.client.raw("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { size: { type: "integer", minimum: 1 } } } },
            },
          },
          subresources: { scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" } },
        },
      ],
    },
  });
  await cluster.clock.advance(1000);
  await cluster.client.raw("POST", WIDGETS, {
    apiVersion: "example.com/v1",
    kind: "Widget",
    metadata: { name: "w" },
    spec: { size: 2 },
  });
});
afterAll(() => cluster.close());

const size = async (): Promise<unknown> =>
  ((await cluster.client.raw("GET", `${WIDGETS}/w`)) as Unstructured & { readonly spec: { readonly size: number } })
    .spec.size;

test("the scale of a custom resource is read, replaced and patched", async () => {
  const widgets = cluster.client.resource({ group: "example.com", version: "v1", resource: "widgets" }, "default");
  const scale = (await cluster.client.raw("GET", `${WIDGETS}/w/scale`)) as Unstructured;
  expect(scale).toMatchObject({ kind: "Scale", spec: { replicas: 2 } });
  await cluster.client.raw("PUT", `${WIDGETS}/w/scale`, { ...scale, spec: { replicas: 3 } });
  expect(await size()).toBe(3);
  await widgets.patch("w", { type: "merge", body: { spec: { replicas: 7 } } }, { subresource: "scale" });
  expect(await size()).toBe(7);
  await widgets.patch(
    "w",
    { type: "json", body: [{ op: "replace", path: "/spec/replicas", value: 8 }] },
    { subresource: "scale" },
  );
  expect(await size()).toBe(8);
  const body = { apiVersion: "autoscaling/v1", kind: "Scale", spec: { replicas: 9 } };
  await widgets.patch("w", { type: "apply", body, fieldManager: "f", force: true }, { subresource: "scale" });
  expect(await size()).toBe(9);
});
