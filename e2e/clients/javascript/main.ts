import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  ListWatch,
  loadAllYaml,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  VersionApi,
  Watch,
} from "@kubernetes/client-node";
import { becomes, check, expect } from "../check.ts";

/** What the tests of `npm test` do not ask with the official client of JavaScript. */
const config = new KubeConfig();
config.loadFromFile(process.env["KUBECONFIG"] ?? "");
const core = config.makeApiClient(CoreV1Api);
const objects = KubernetesObjectApi.makeApiClient(config);
const namespace = "javascript";
await core.createNamespace({ body: { metadata: { name: namespace } } });

const MANIFESTS = `
apiVersion: v1
kind: ConfigMap
metadata: {name: loaded, namespace: ${namespace}}
data: {k: "1"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: loaded, namespace: ${namespace}}
spec:
  replicas: 0
  selector: {matchLabels: {app: l}}
  template:
    metadata: {labels: {app: l}}
    spec: {containers: [{name: main, image: example/l}]}
`;

await check("manifests are loaded, created and applied by their kinds alone", async () => {
  for (const object of loadAllYaml(MANIFESTS) as Parameters<typeof objects.create>[0][]) {
    await objects.create(object);
    await objects.patch(object, undefined, undefined, "tour", true, PatchStrategy.ServerSideApply);
  }
  const maps = await objects.list<V1ConfigMap>(
    "v1",
    "ConfigMap",
    namespace,
    undefined,
    undefined,
    undefined,
    "metadata.name=loaded",
  );
  expect(maps.items[0]?.data, { k: "1" });
});
await check("a list in pages, and metadata of its pages", async () => {
  for (const index of Array.from({ length: 7 }).keys())
    await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: `page-${index}`, labels: { page: "yes" } } },
    });
  let seen = 0;
  let _continue: string | undefined;
  do {
    const page = await core.listNamespacedConfigMap({
      namespace,
      limit: 3,
      ...(_continue !== undefined && { _continue }),
    });
    seen += page.items.filter(({ metadata }) => metadata?.labels?.["page"] === "yes").length;
    _continue = page.metadata?._continue || undefined;
  } while (_continue !== undefined);
  expect(seen, 7);
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: "page=yes" });
});
await check("a cache that lists and watches follows, and begins anew", async () => {
  const cache = new ListWatch<V1ConfigMap>(
    `/api/v1/namespaces/${namespace}/configmaps`,
    new Watch(config),
    () => core.listNamespacedConfigMap({ namespace }),
    false,
  );
  await cache.start();
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "late" } } });
  await becomes("late", async () => cache.get("late", namespace)?.metadata?.name);
  await cache.stop();
  await core.deleteNamespacedConfigMap({ name: "late", namespace });
  await cache.start();
  await becomes(undefined, async () => cache.get("late", namespace));
  await cache.stop();
});
await check("a scale by a merge patch, and the version", async () => {
  const apps = config.makeApiClient(AppsV1Api);
  const scaled = await apps.patchNamespacedDeploymentScale(
    { name: "loaded", namespace, body: { spec: { replicas: 0 } } },
    setHeaderOptions("Content-Type", PatchStrategy.MergePatch),
  );
  expect(scaled.spec?.replicas ?? 0, 0);
  expect((await config.makeApiClient(VersionApi).getCode()).major, "1");
});
await check("a token in the place of a certificate", async () => {
  const { status } = await core.createNamespacedServiceAccountToken({
    name: "default",
    namespace,
    body: { spec: { audiences: [] } },
  });
  const other = new KubeConfig();
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("no cluster");
  other.loadFromClusterAndUser(cluster, { name: "robot", token: status?.token ?? "" });
  const refused = other.makeApiClient(CoreV1Api).listNamespacedSecret({ namespace });
  expect(
    await refused.then(
      () => 200,
      (error: { code?: number }) => error.code,
    ),
    403,
  );
});
process.exit();
