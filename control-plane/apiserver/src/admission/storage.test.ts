import type { Unstructured } from "@tsukube/api";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterAll, beforeAll, expect, test } from "vitest";

const CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims";
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
  const make = (metadata: object, allowVolumeExpansion: boolean) =>
    cluster.client.raw("POST", "/apis/storage.k8s.io/v1/storageclasses", {
      ...{ metadata, provisioner: "example.com/disk", allowVolumeExpansion },
    });
  await make({ name: "usual", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } }, false);
  await make({ name: "growing" }, true);
});
afterAll(() => cluster.close());

async function patch(path: string, change: object): Promise<number> {
  const headers = { "content-type": "application/merge-patch+json" };
  const body = Buffer.from(JSON.stringify(change));
  return (await cluster.transport.request({ method: "PATCH", path, headers, body })).status;
}

const resources = (storage: string) => ({ resources: { requests: { storage } } });
const BETA = { "volume.beta.kubernetes.io/storage-class": "growing" };

const CLAIM = { apiGroup: null, kind: "PersistentVolumeClaim", name: "s" };
const SNAPSHOT = { apiGroup: "snapshot.storage.k8s.io", kind: "VolumeSnapshot", name: "s" };
const OTHER = { apiGroup: "example.com", kind: "Backup", name: "s" };
const both = (source: object) => ({ dataSource: source, dataSourceRef: source });

test.each<readonly [string, object, object | undefined, object]>([
  ["a claim", { dataSource: CLAIM }, undefined, both(CLAIM)],
  ["a snapshot", { dataSource: SNAPSHOT }, undefined, both(SNAPSHOT)],
  ["anything by reference", { dataSourceRef: OTHER }, undefined, both(OTHER)],
  ["nothing else", { dataSource: OTHER }, undefined, {}],
  ["no snapshot of another group", { dataSource: { ...SNAPSHOT, apiGroup: "" } }, undefined, {}],
  ["what it had been, by who does not know references", { dataSourceRef: OTHER }, { dataSource: OTHER }, both(OTHER)],
  ["nothing that comes later", {}, { dataSource: OTHER }, {}],
])("what a claim begins with is %s", async (what, source, later, expected) => {
  const name = `d${Buffer.from(what).toString("hex")}`;
  const spec = { accessModes: ["ReadWriteOnce"], ...resources("1Gi") };
  const sourceOf = (claim: unknown) => {
    const { dataSource, dataSourceRef } = (claim as { readonly spec: Readonly<Record<string, unknown>> }).spec;
    return { ...(dataSource !== undefined && { dataSource }), ...(dataSourceRef !== undefined && { dataSourceRef }) };
  };
  const made = await cluster.client.raw("POST", CLAIMS, { metadata: { name }, spec: { ...spec, ...source } });
  if (later === undefined) return expect(sourceOf(made)).toEqual(expected);
  const {
    dataSource: _old,
    dataSourceRef: _reference,
    ...kept
  } = (made as { readonly spec: { readonly dataSource?: unknown; readonly dataSourceRef?: unknown } }).spec;
  const next = await cluster.client.raw("PUT", `${CLAIMS}/${name}`, {
    ...(made as object),
    spec: { ...kept, ...later },
  });
  expect(sourceOf(next)).toEqual(expected);
});

test.each([
  ["none", {}, {}, "usual", false],
  ["the empty one", {}, { storageClassName: "" }, "", false],
  ["one", {}, { storageClassName: "growing" }, "growing", true],
  ["one by the older annotation", BETA, {}, undefined, true],
])("a claim that names %s has its class, and grows as that allows", async (what, annotations, spec, given, grows) => {
  const name = `c${Buffer.from(what).toString("hex")}`;
  const claim = { accessModes: ["ReadWriteOnce"], ...spec, ...resources("1Gi") };
  const made = await cluster.client.raw("POST", CLAIMS, { metadata: { name, annotations }, spec: claim });
  expect(((made as Unstructured)["spec"] as { storageClassName?: string }).storageClassName).toBe(given);
  expect(await patch(`${CLAIMS}/${name}/status`, { status: { phase: "Bound" } })).toBe(200);
  expect(await patch(`${CLAIMS}/${name}`, { spec: resources("2Gi") })).toBe(grows ? 200 : 403);
});
