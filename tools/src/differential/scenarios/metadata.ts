import type { Scenario, Send } from "../exchange.ts";
import { collectionPath, storedSamples } from "../samples.ts";
import { META, namespaceFor, PATCHES } from "./lifecycle.ts";

/** What metadata may hold, of objects that are made, changed and applied; and by which fields each kind is listed. */
export function metadataScenarios(): readonly Scenario[] {
  return [
    { name: "metadata that objects are made with", run: made },
    { name: "metadata that objects get", run: changed },
    { name: "names of every kind", run: names },
    { name: "field selectors of every kind", run: selectors },
  ];
}

const owner = { apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "11111111-2222-3333-4444-555555555555" };
const repeated = (text: string, times: number): string => text.repeat(times);

const METADATA: readonly object[] = [
  { annotations: { a: repeated("x", 262_144 - 1) } },
  { annotations: { a: repeated("x", 262_144) } },
  { annotations: { a: repeated("é", 131_072) } },
  { annotations: { "a b": "x" } },
  { annotations: { "A/b": "x" } },
  { annotations: { "a/b/c": "x" } },
  { annotations: { "": "x" } },
  { annotations: { [repeated("a", 64)]: "x" } },
  { annotations: { [`${repeated("a", 254)}/b`]: "x" } },
  { annotations: { a: null } },
  { annotations: { a: 1 } },
  { annotations: [] },
  { labels: { a: repeated("x", 63) } },
  { labels: { a: repeated("x", 64) } },
  { labels: { a: "-x" } },
  { labels: { "a/": "x" } },
  { labels: { "/a": "x" } },
  { labels: { "A.b/c": "x" } },
  { labels: { a: null } },
  { finalizers: ["a"] },
  { finalizers: ["example.com/a"] },
  { finalizers: ["example.com/a", "example.com/a"] },
  { finalizers: ["orphan"] },
  { finalizers: ["foregroundDeletion"] },
  { finalizers: ["orphan", "foregroundDeletion"] },
  { finalizers: ["kubernetes"] },
  { finalizers: ["a/b/c"] },
  { finalizers: ["-"] },
  { finalizers: [""] },
  { finalizers: [null] },
  { finalizers: ["kubernetes.io/x"] },
  { ownerReferences: [owner] },
  { ownerReferences: [owner, owner] },
  {
    ownerReferences: [
      { ...owner, controller: true },
      { ...owner, uid: "2", name: "p", controller: true },
    ],
  },
  { ownerReferences: [{}] },
  { ownerReferences: [{ ...owner, apiVersion: "" }] },
  { ownerReferences: [{ ...owner, apiVersion: "a/b/c" }] },
  { ownerReferences: [{ ...owner, kind: "" }] },
  { ownerReferences: [{ ...owner, name: "" }] },
  { ownerReferences: [{ ...owner, uid: "" }] },
  { ownerReferences: [{ ...owner, kind: "Event" }] },
  { ownerReferences: [{ ...owner, blockOwnerDeletion: true }] },
  { ownerReferences: [{ ...owner, nope: 1 }] },
  { generation: 5 },
  { generation: -1 },
  { resourceVersion: "" },
  { resourceVersion: "0" },
  { resourceVersion: "abc" },
  { uid: "mine" },
  { selfLink: "/x" },
  { creationTimestamp: "2020-01-01T00:00:00Z" },
  { creationTimestamp: null },
  { deletionTimestamp: "2020-01-01T00:00:00Z" },
  { deletionGracePeriodSeconds: 5 },
  { managedFields: [{}] },
  { managedFields: [{ manager: "m" }] },
  { managedFields: [{ manager: "m", operation: "Nope", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1: {} }] },
  { managedFields: [{ manager: "m", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV2", fieldsV1: {} }] },
  {
    managedFields: [
      {
        manager: "m",
        operation: "Update",
        apiVersion: "v1",
        fieldsType: "FieldsV1",
        fieldsV1: { "f:data": { "f:a": {} } },
      },
    ],
  },
  { managedFields: [{ manager: repeated("m", 129), operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1" }] },
  { clusterName: "x" },
  { generateName: "gn-" },
  { generateName: "GN_" },
  { generateName: "gn.", name: "" },
  { generateName: repeated("a", 250) },
  { generateName: "gn-", name: "named" },
  { name: "" },
  { name: "a.b" },
  { name: "A" },
  { name: "a/b" },
  { name: repeated("a", 253) },
  { name: repeated("a", 254) },
  { name: ".." },
  { namespace: "other" },
  { namespace: "" },
];

async function made(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "metadata");
  const kinds = [
    [`/api/v1/namespaces/${namespace}/configmaps`, {}],
    [`/api/v1/namespaces/${namespace}/services`, { spec: { ports: [{ port: 80 }] } }],
    ["/apis/storage.k8s.io/v1/storageclasses", { provisioner: "p" }],
    ["/api/v1/namespaces", {}],
  ] as const;
  for (const [path, rest] of kinds)
    for (const metadata of METADATA)
      await send({
        method: "POST",
        path: `${path}?dryRun=All`,
        body: { metadata: { name: "made", ...metadata }, ...rest },
      });
}

async function changed(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "changed");
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const body = { metadata: { name: "c", labels: { a: "b" }, annotations: { a: "b" } }, data: { a: "1" } };
  await send({ method: "POST", path, body });
  for (const metadata of METADATA) {
    if ("namespace" in metadata) continue; // of what is made
    const { name: _name, ...rest } = metadata as { readonly name?: string };
    await send({
      method: "PUT",
      path: `${path}/c?dryRun=All`,
      body: { ...body, metadata: { ...body.metadata, ...metadata } },
    });
    await send({ method: "PATCH", path: `${path}/c?dryRun=All`, type: PATCHES.merge, body: { metadata } });
    await send({ method: "PATCH", path: `${path}/c?dryRun=All`, type: PATCHES.strategic, body: { metadata: rest } });
    const applied = { apiVersion: "v1", kind: "ConfigMap", metadata: { ...metadata } };
    for (const name of ["c", "new"])
      await send({
        method: "PATCH",
        path: `${path}/${name}?dryRun=All&fieldManager=m`,
        type: PATCHES.apply,
        body: applied,
      });
  }
}

const TABLE = `application/json;as=Table;v=v1;${META}`;
const NAMES = [
  "a",
  "A",
  "a.b",
  "a_b",
  "1a",
  "a:b",
  "-a",
  "a-",
  repeated("a", 63),
  repeated("a", 64),
  repeated("a", 254),
];

async function names(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "names");
  for (const sample of storedSamples()) {
    if (sample.variant !== "" || sample.isOff) continue;
    const path = `${collectionPath(sample.resource, namespace)}?dryRun=All&includeObject=None`;
    for (const name of NAMES) {
      const { name: _old, ...metadata } = sample.object.metadata ?? {};
      await send({
        method: "POST",
        path,
        body: { ...sample.object, metadata: { ...metadata, name } },
        accept: TABLE,
        note: name,
      });
    }
  }
}

const SELECTORS = [
  "metadata.name=x",
  "metadata.name==x",
  "metadata.name!=x",
  "metadata.name in (x)",
  "metadata.name",
  "metadata.namespace=default",
  "metadata.namespace!=default",
  "metadata.uid=x",
  "metadata.labels.a=b",
  "spec.nodeName=n",
  "status.phase=x",
  "spec.type=x",
  "type=x",
  "involvedObject.kind=Pod",
  "spec.unschedulable=true",
  "metadata.name=x,metadata.namespace=default",
  "metadata.name=x,nope=1",
  ",",
  "=x",
  "a=b=c",
];

async function selectors(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "selected");
  for (const { resource, variant, isOff } of storedSamples()) {
    if (variant !== "" || isOff) continue;
    const path = collectionPath(resource, namespace);
    for (const selector of SELECTORS) {
      const query = `limit=1&fieldSelector=${encodeURIComponent(selector)}`;
      await send({ method: "GET", path: `${path}?${query}&labelSelector=none%3D1` });
      await send({ method: "DELETE", path: `${path}?dryRun=All&${query}&labelSelector=none%3D1` });
    }
  }
}
