import { encodeProtobuf, type ObjectSchema, schemaOfType } from "@tsukube/api";
import type { Scenario, Send } from "../exchange.ts";
import { collectionPath, labelOf, movedTo, type Sample, storedSamples } from "../samples.ts";
import { META, namespaceFor, PATCHES, PROTOBUF, settled } from "./lifecycle.ts";

/** Deleting one object and many, with every option, in the query and in the body. */
export function deletionScenarios(): readonly Scenario[] {
  return [
    { name: "deletions of a pod with options", run: ofPod },
    { name: "deletions of owners", run: ofOwners },
    ...storedSamples()
      .filter(({ variant, resource }) => variant === "" && resource.verbs.includes("deletecollection"))
      .map((sample) => ({
        name: `collection of ${labelOf(sample)}`,
        isOff: sample.isOff,
        run: (send: Send) => ofCollection(send, sample),
      })),
  ];
}

function optionsBody(options: object, apiVersion = "v1"): Buffer {
  const schema = schemaOfType("meta/v1.DeleteOptions") as ObjectSchema;
  return Buffer.from(encodeProtobuf(options, schema, { apiVersion, kind: "DeleteOptions" }));
}

const QUERIES = [
  "gracePeriodSeconds=0",
  "gracePeriodSeconds=5",
  "gracePeriodSeconds=",
  "gracePeriodSeconds=-5",
  "gracePeriodSeconds=99999999999999999999",
  "propagationPolicy=Foreground",
  "propagationPolicy=Orphan",
  "propagationPolicy=Background",
  "propagationPolicy=",
  "propagationPolicy=Orphan&propagationPolicy=Foreground",
  "orphanDependents=true",
  "orphanDependents=false",
  "orphanDependents=nope",
  "orphanDependents=true&propagationPolicy=Orphan",
  "preconditions.uid=x",
  "uid=x",
  "resourceVersion=1",
  "ignoreStoreReadErrorWithClusterBreakingPotential=true",
  "ignoreStoreReadErrorWithClusterBreakingPotential=true&gracePeriodSeconds=0",
  "dryRun=",
  "dryRun=All&dryRun=All",
  "dryRun=All&dryRun=x",
  "nope=1",
];

const BODIES: readonly object[] = [
  {},
  { gracePeriodSeconds: 0 },
  { gracePeriodSeconds: -3 },
  { gracePeriodSeconds: "5" },
  { gracePeriodSeconds: null },
  { propagationPolicy: "" },
  { propagationPolicy: "Foreground" },
  { propagationPolicy: 1 },
  { orphanDependents: false },
  { orphanDependents: true, propagationPolicy: "Foreground" },
  { preconditions: { uid: "" } },
  { preconditions: { uid: "x", resourceVersion: "y" } },
  { preconditions: {} },
  { preconditions: { nope: 1 } },
  { ignoreStoreReadErrorWithClusterBreakingPotential: true },
  { ignoreStoreReadErrorWithClusterBreakingPotential: true, gracePeriodSeconds: 0 },
  { kind: "DeleteOptions" },
  { apiVersion: "meta.k8s.io/v1", kind: "DeleteOptions" },
  { apiVersion: "apps/v1", kind: "DeleteOptions" },
  { apiVersion: "v1", kind: "Pod" },
  { dryRun: "All" },
  { dryRun: ["x"] },
];

async function ofPod(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "delete-pod")}/pods`;
  const create = () =>
    send({
      method: "POST",
      path,
      body: { metadata: { name: "p" }, spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] } },
    });
  const made = await create();
  const all = { dryRun: ["All"] };
  for (const query of QUERIES) await send({ method: "DELETE", path: `${path}/p?dryRun=All&${query}` });
  for (const body of BODIES) await send({ method: "DELETE", path: `${path}/p`, body: { ...all, ...body } });
  for (const body of BODIES.slice(0, 3))
    await send({ method: "DELETE", path: `${path}/p`, type: PROTOBUF, body: optionsBody({ ...all, ...body }) });
  await send({ method: "DELETE", path: `${path}/p`, type: PROTOBUF, body: optionsBody(all, "meta.k8s.io/v1") });
  await send({ method: "DELETE", path: `${path}/p`, type: PROTOBUF, body: optionsBody(all, "nope/v1") });
  await send({ method: "DELETE", path: `${path}/p`, type: PROTOBUF, body: Buffer.from("k8s\0nonsense") });
  await send({ method: "DELETE", path: `${path}/p`, type: PROTOBUF, body: Buffer.from("nonsense") });
  await send({
    method: "DELETE",
    path: `${path}/p`,
    type: "application/yaml",
    body: "dryRun: [All]\ngracePeriodSeconds: 1\n",
  });
  await send({ method: "DELETE", path: `${path}/p`, type: "text/plain", body: "x" });
  const { uid = "", resourceVersion = "" } = made.object.metadata ?? {};
  for (const preconditions of [
    { uid },
    { resourceVersion },
    { uid, resourceVersion: "1" },
    { uid: "x", resourceVersion },
  ])
    await send({
      method: "DELETE",
      path: `${path}/p`,
      body: { ...all, preconditions },
      note: Object.keys(preconditions).join(),
    });
  for (const accept of [
    PROTOBUF,
    "application/yaml",
    `application/json;as=Table;v=v1;${META}`,
    `application/json;as=PartialObjectMetadata;v=v1;${META}`,
  ])
    await send({ method: "DELETE", path: `${path}/p?dryRun=All`, accept });
  await send({ method: "DELETE", path: `${path}/p`, body: { gracePeriodSeconds: 60 } });
  for (const gracePeriodSeconds of [90, 30, 30, 60, 1]) {
    await send({ method: "DELETE", path: `${path}/p`, body: { gracePeriodSeconds } });
    await send({ method: "GET", path: `${path}/p` });
  }
  await send({
    method: "PATCH",
    path: `${path}/p`,
    type: PATCHES.merge,
    body: { metadata: { finalizers: ["example.com/late"] } },
  });
  await create();
  await send({
    method: "DELETE",
    path: `${path}/p`,
    body: { preconditions: { uid }, gracePeriodSeconds: 0 },
    note: "by uid",
  });
  await send({ method: "GET", path: `${path}/p` });
  await send({ method: "DELETE", path: `${path}/p` });
}

async function ofOwners(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "delete-owners");
  const path = `/apis/apps/v1/namespaces/${namespace}/replicasets`;
  const spec = {
    selector: { matchLabels: { a: "b" } },
    template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  };
  const clear = async (name: string) => {
    await send({ method: "GET", path: `${path}/${name}` });
    await send({ method: "DELETE", path: `${path}/${name}?propagationPolicy=Orphan` });
    await send({ method: "DELETE", path: `${path}/${name}?propagationPolicy=Background` });
    await send({
      method: "PATCH",
      path: `${path}/${name}`,
      type: PATCHES.json,
      body: [{ op: "add", path: "/metadata/finalizers/-", value: "example.com/late" }],
    });
    await send({
      method: "PATCH",
      path: `${path}/${name}`,
      type: PATCHES.merge,
      body: { metadata: { finalizers: [] } },
    });
    await send({ method: "GET", path: `${path}/${name}` });
  };
  for (const [index, policy] of ["Foreground", "Orphan", "Background"].entries())
    for (const finalizers of [[], ["example.com/f"], ["orphan"], ["foregroundDeletion"]]) {
      const name = `r${index}-${finalizers.join("").replaceAll(/\W/g, "").toLowerCase()}x`;
      await send({ method: "POST", path, body: { metadata: { name, finalizers }, spec } });
      await send({ method: "DELETE", path: `${path}/${name}`, body: { propagationPolicy: policy } });
      await clear(name);
    }
}

async function ofCollection(send: Send, recorded: Sample): Promise<void> {
  const { resource } = recorded;
  const namespace = resource.namespaced ? await namespaceFor(send, `coll-${labelOf(recorded)}`) : "";
  const { object } = movedTo(recorded, namespace);
  const path = collectionPath(resource, namespace);
  const name = object.metadata?.name;
  const labels = { collected: "1" };
  await send({ method: "POST", path, body: { ...object, metadata: { ...object.metadata, labels } } });
  await settled(resource);
  const selected = `labelSelector=collected%3D1`;
  const remove = (query: string, more: object = {}) =>
    send({ method: "DELETE", path: `${path}?${selected}${query}`, ...more });
  await remove("&dryRun=All");
  for (const accept of [
    PROTOBUF,
    "application/yaml",
    `application/json;as=Table;v=v1;${META}`,
    `application/json;as=PartialObjectMetadataList;v=v1;${META}`,
    "text/html",
  ])
    await remove("&dryRun=All", { accept });
  await remove("&dryRun=All", { body: { dryRun: ["All"], propagationPolicy: "Foreground" } });
  await remove("", { type: PROTOBUF, body: optionsBody({ dryRun: ["All"], gracePeriodSeconds: 0 }) });
  await remove("", { body: { dryRun: ["All"], preconditions: { uid: "x" } } });
  await remove(`&dryRun=All&fieldSelector=metadata.name%3D${name}`);
  await remove(`&dryRun=All&fieldSelector=metadata.name!%3D${name}`);
  await remove("&dryRun=All&fieldSelector=nope%3D1");
  await remove("&dryRun=All&resourceVersion=0");
  await remove("&dryRun=All&resourceVersionMatch=Exact");
  await remove("&dryRun=All&timeoutSeconds=5&sendInitialEvents=true");
  await send({ method: "DELETE", path: `${path}?labelSelector=collected%3D2&gracePeriodSeconds=0` });
  await remove("&propagationPolicy=Background", { body: { gracePeriodSeconds: 0 } });
  await send({ method: "GET", path: `${path}?${selected}` });
  await send({
    method: "PATCH",
    path: `${path}/${name}`,
    type: PATCHES.merge,
    body: { metadata: { finalizers: null } },
  });
}
