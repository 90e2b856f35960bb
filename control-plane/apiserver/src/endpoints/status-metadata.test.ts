import type { Unstructured } from "@tsukube/api";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.close());

const APPS = "/apis/apps/v1/namespaces/default/deployments";
const selector = { matchLabels: { app: "a" } };
const template = { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } };

/** PUTs a status with other labels and annotations. @returns what came of labels and annotations. */
async function written(path: string, object: object): Promise<readonly unknown[]> {
  const made = (await cluster.client.raw("POST", path, object)) as Unstructured;
  const metadata = { ...made.metadata, labels: { label: "new" }, annotations: { note: "new" } };
  const url = `${path}/${made.metadata?.name}/status`;
  const { metadata: after } = (await cluster.client.raw("PUT", url, { ...made, metadata })) as Unstructured;
  return [after?.labels ?? {}, after?.annotations ?? {}, after?.generation];
}

test("controllers may note things in annotations and labels along with the status", async () => {
  const budget = { metadata: { name: "b" }, spec: { minAvailable: 1, selector } };
  expect(await written("/apis/policy/v1/namespaces/default/poddisruptionbudgets", budget)).toEqual([
    { label: "new" },
    { note: "new" },
    1,
  ]);
});

test("labels of Deployments are not for status writers", async () => {
  const deployment = { metadata: { name: "d", labels: { label: "old" } }, spec: { selector, template } };
  expect(await written(APPS, deployment)).toEqual([{ label: "old" }, { note: "new" }, 1]);
});

test("some kinds keep all of their metadata", async () => {
  const spec = { attacher: "a", nodeName: "n", source: { persistentVolumeName: "v" } };
  const attachment = { metadata: { name: "a" }, spec };
  expect(await written("/apis/storage.k8s.io/v1/volumeattachments", attachment)).toEqual([{}, {}, undefined]);
});

test("a Node is created with its status, which kubelets say when they register", async () => {
  const capacity = { cpu: "4" };
  const status = { capacity, config: { error: "old" }, conditions: [{ type: "Ready", status: "True" }] };
  const made = await cluster.client.raw("POST", "/api/v1/nodes", { metadata: { name: "n" }, status });
  expect(made).toMatchObject({ status: { capacity, conditions: [{ type: "Ready", status: "True" }] } });
  expect(made).not.toHaveProperty("status.config");
  const put = await cluster.client.raw("PUT", "/api/v1/nodes/n", {
    metadata: { name: "n" },
    status: { capacity: { cpu: "8" } },
  });
  expect(put).toMatchObject({ status: { capacity } });
});
