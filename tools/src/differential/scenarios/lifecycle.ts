import { setTimeout } from "node:timers/promises";
import { apiVersionOf, encodeProtobuf, encodeYaml, type ObjectSchema, schemaOf } from "@tsukube/api";
import type { Scenario, Send } from "../exchange.ts";
import { collectionPath, labelOf, movedTo, type Sample, storedSamples } from "../samples.ts";

export const META = "g=meta.k8s.io";
export const PROTOBUF = "application/vnd.kubernetes.protobuf";
/** Every form in which an object or a list can be asked for. */
export const FORMS = [
  "",
  "*/*",
  "application/yaml",
  PROTOBUF,
  `application/json;as=Table;v=v1;${META}`,
  `application/json;as=Table;v=v1beta1;${META}`,
  `application/yaml;as=Table;v=v1;${META}`,
  `${PROTOBUF};as=Table;v=v1;${META}`,
  `application/json;as=Table;v=v2;${META},application/json`,
  `application/json;as=PartialObjectMetadata;v=v1;${META}`,
  `application/json;as=PartialObjectMetadataList;v=v1;${META}`,
  `${PROTOBUF};as=PartialObjectMetadata;v=v1;${META}`,
  `${PROTOBUF};as=PartialObjectMetadataList;v=v1;${META}`,
  `application/json;as=PartialObjectMetadata;v=v1beta1;${META}`,
  `${PROTOBUF},application/json`,
  "application/json;stream=watch",
  "text/html",
  "application/json;q=0.5,application/yaml",
  "application/cbor",
];

/** Of some the servers write the status themselves, sooner or later: what comes then is compared when they have. */
export async function settled({ resource }: Sample["resource"]): Promise<void> {
  if (SETTLING.test(resource)) await setTimeout(1000);
}

const SETTLING = /^(?:validatingadmissionpolicies|customresourcedefinitions|flowschemas|apiservices)$/;

/** A namespace with what every pod needs, for one scenario. */
export async function namespaceFor(send: Send, name: string): Promise<string> {
  const namespace = `d-${name}`.toLowerCase().slice(0, 60);
  await send({ method: "POST", path: "/api/v1/namespaces", body: { metadata: { name: namespace } } });
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await send({ method: "POST", path, body: { metadata: { name: "default" } } });
  return namespace;
}

/** Creating, reading, changing and deleting the recorded objects of every resource, in every form. */
export function lifecycleScenarios(): readonly Scenario[] {
  const samples = storedSamples();
  return [
    ...samples
      .filter(({ variant }) => variant === "")
      .map((sample) => ({
        name: `lifecycle of ${labelOf(sample)}`,
        isOff: sample.isOff,
        run: (send: Send) => lifecycle(send, sample),
      })),
    ...samples
      .filter(({ variant }) => variant !== "")
      .map((sample) => ({
        name: `variant ${labelOf(sample)}`,
        isOff: sample.isOff,
        run: (send: Send) => variant(send, sample),
      })),
  ];
}

/** Everything that can happen to one object, from before it is there until it is gone. */
export async function lifecycle(send: Send, recorded: Sample): Promise<void> {
  const { resource } = recorded;
  const namespace = resource.namespaced ? await namespaceFor(send, labelOf(recorded)) : "";
  const sample = movedTo(recorded, namespace);
  const { object } = sample;
  const collection = collectionPath(resource, namespace);
  await creations(send, sample, collection);
  const made = await send({ method: "POST", path: collection, body: object });
  const name = made.object.metadata?.name ?? "";
  if (name === "") throw new Error(`Cannot create "${labelOf(sample)}": ${made.text}`);
  const path = `${collection}/${name}`;
  await reading(send, collection, path);
  await changing(send, sample, collection, path);
  await subresources(send, sample, path);
  await deleting(send, sample, collection, path);
}

/** A further object of a resource: what its fields become, in every encoding, and who owns them. */
async function variant(send: Send, sample: Sample): Promise<void> {
  const { resource } = sample;
  const namespace = resource.namespaced ? await namespaceFor(send, labelOf(sample)) : "";
  const { object } = movedTo(sample, namespace);
  const collection = collectionPath(resource, namespace);
  const made = await send({ method: "POST", path: collection, body: object });
  const path = `${collection}/${made.object.metadata?.name}`;
  for (const accept of ["application/yaml", PROTOBUF, `application/json;as=Table;v=v1;${META}`])
    await send({ method: "GET", path, accept });
  await send({ method: "PUT", path: `${path}?dryRun=All`, body: made.object });
  const applied = { ...object, metadata: { name: made.object.metadata?.name } };
  await send({ method: "PATCH", path: `${path}?fieldManager=applier`, type: PATCHES.apply, body: applied });
  await send({ method: "PATCH", path: `${path}?fieldManager=applier`, type: PATCHES.apply, body: applied });
  await send({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
}

async function creations(send: Send, { object, resource }: Sample, collection: string): Promise<void> {
  const schema = schemaOf(resource) as ObjectSchema | undefined; // custom resources are described nowhere here
  const identity = { apiVersion: apiVersionOf(resource), kind: resource.kind };
  const dry = `${collection}?dryRun=All`;
  const post = (body: object | string | Uint8Array, more: object = {}, path = dry) =>
    send({ method: "POST", path, body, ...more });
  await post(object);
  await post(object, { accept: "application/yaml" });
  if (schema === undefined) await post(JSON.stringify(object), { type: "application/yaml" });
  else {
    await post(Buffer.from(encodeYaml(object, schema)), { type: "application/yaml" });
    await post(Buffer.from(encodeProtobuf(object, schema, identity)), { type: PROTOBUF, accept: PROTOBUF });
  }
  await post(object, { accept: `application/json;as=Table;v=v1;${META}` });
  await post(object, { accept: `application/json;as=PartialObjectMetadata;v=v1;${META}` });
  await post({ ...object, nope: 1, metadata: { ...object.metadata, nope: 2 } });
  await post({ ...object, nope: 1 }, {}, `${dry}&fieldValidation=Strict`);
  await post({ ...object, nope: 1 }, {}, `${dry}&fieldValidation=Ignore`);
  await post({ ...object, metadata: {} });
  await post({ ...object, metadata: { generateName: "gn-" } });
  await post({ ...object, metadata: { name: "A_b" } });
  await post({ ...object, metadata: { ...object.metadata, namespace: "elsewhere" } });
  await post({ ...object, metadata: { ...object.metadata, labels: { "a b": "c d" }, annotations: { "": "x" } } });
  await post({ ...object, metadata: { ...object.metadata, finalizers: ["a"], ownerReferences: [{}] } });
  await post({ ...object, kind: "Nope" });
  await post({ ...object, apiVersion: "nope/v1" });
  await post({ ...object, spec: 1, data: 1 });
  await post({ ...object, spec: {} });
  await post({ ...object, status: { nope: 1 } });
  await post("");
  await post("[1]");
  await post("{");
  await post("x", { type: "text/plain" });
  await post(object, { type: "application/json; charset=utf-8" });
  await post(object, {}, `${collection}?dryRun=Nope`);
}

async function reading(send: Send, collection: string, path: string): Promise<void> {
  const selected = `${collection}?fieldSelector=metadata.name%3D${path.split("/").at(-1)}`;
  for (const accept of FORMS) {
    await send({ method: "GET", path, accept });
    await send({ method: "GET", path: selected, accept });
  }
  const table = `application/json;as=Table;v=v1;${META}`;
  for (const include of ["None", "Object", "Metadata", "Nope"]) {
    await send({ method: "GET", path: `${selected}&includeObject=${include}`, accept: table });
    await send({ method: "GET", path: `${path}?includeObject=${include}`, accept: table });
  }
  for (const query of ["pretty=1", "pretty=true", "resourceVersion=0", "resourceVersion=abc", "nope=1", "export=1"])
    await send({ method: "GET", path: `${path}?${query}` });
  await send({ method: "GET", path: `${collection}/absent` });
  await send({ method: "GET", path: `${collection}/absent`, accept: PROTOBUF });
  await send({ method: "GET", path: `${collection}/absent`, accept: table });
  await send({ method: "HEAD", path });
  await send({ method: "GET", path: `${path}/nope` });
  for (const query of [
    ...[
      "limit=1&labelSelector=nope",
      "labelSelector=a%3D%3D%3Db",
      "labelSelector=a%20in%20()",
      "fieldSelector=spec.nope%3D1",
    ],
    ...[
      "fieldSelector=a",
      "resourceVersion=abc",
      "resourceVersionMatch=Exact",
      "resourceVersion=0&resourceVersionMatch=Exact",
    ],
    ...["limit=x", "continue=abc", "timeoutSeconds=x", "sendInitialEvents=true", "limit=-1&labelSelector=nope"],
  ])
    await send({ method: "GET", path: `${collection}?${query}` });
  for (const method of ["PUT", "PATCH"]) await send({ method, path: collection, body: {} });
  await send({ method: "POST", path, body: {} });
}

/** The patch types, in the order of upstream's error message. */
export const PATCHES = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
} as const;

async function changing(send: Send, { object }: Sample, collection: string, path: string): Promise<void> {
  const live = (await send({ method: "GET", path })).object;
  const put = (body: object | string, query = "?dryRun=All", more: object = {}) =>
    send({ method: "PUT", path: `${path}${query}`, body, ...more });
  const patch = (type: keyof typeof PATCHES, body: object | string, query = "?dryRun=All") =>
    send({ method: "PATCH", path: `${path}${query}`, type: PATCHES[type], body });
  const labelled = (value: string) => ({ ...live, metadata: { ...live.metadata, labels: { edited: value } } });
  await put(live);
  await put(labelled("dry"));
  await put(labelled("a"), "");
  await put(labelled("b"), "");
  await put({ ...labelled("c"), metadata: { ...labelled("c").metadata, resourceVersion: undefined } }, "");
  await put({
    ...live,
    metadata: { ...live.metadata, uid: "11111111-2222-4333-8444-555555555555", resourceVersion: undefined },
  });
  await put({ ...live, metadata: { ...live.metadata, name: "other" } });
  await put({ ...live, metadata: { ...live.metadata, resourceVersion: "abc" } });
  await put({ ...object, metadata: { ...object.metadata, name: "absent" } });
  await send({
    method: "PUT",
    path: `${collection}/absent?dryRun=All`,
    body: { ...object, metadata: { ...object.metadata, name: "absent" } },
  });
  await put({ ...live, spec: {} });
  await put({ ...live, metadata: { name: live.metadata?.name } });
  await put("{}");
  await patch("merge", { metadata: { labels: { merged: "yes" } } }, "");
  await patch("merge", { metadata: { labels: { merged: null, edited: 1 } } });
  await patch("merge", { spec: null, data: null });
  await patch("merge", { metadata: { resourceVersion: "1" } });
  await patch("merge", { metadata: { uid: "x" } });
  await patch("merge", { metadata: { name: "other" } });
  await patch("merge", { nope: 1 }, "?dryRun=All&fieldValidation=Strict");
  await patch("merge", { nope: 1 });
  await patch("merge", "[]");
  await patch("merge", "{");
  await patch("merge", "");
  await patch("strategic", { metadata: { labels: { strategic: "yes" }, finalizers: [] } });
  await patch("strategic", { metadata: { annotations: { a: "b" } }, $patch: "replace" });
  await patch("strategic", { metadata: { $patch: "nope" } });
  await patch("strategic", { spec: { nope: 1 } }, "?dryRun=All&fieldValidation=Strict");
  await patch("strategic", "[]");
  await patch("json", [{ op: "add", path: "/metadata/labels/json", value: "yes" }]);
  await patch("json", [{ op: "test", path: "/metadata/name", value: "nope" }]);
  await patch("json", [{ op: "remove", path: "/nope" }]);
  await patch("json", [{ op: "nope", path: "/metadata" }]);
  await patch("json", [{ op: "replace", path: "/metadata/labels", value: "x" }]);
  await patch("json", { op: "add" });
  await patch("json", []);
  const applied = { ...object, metadata: { name: live.metadata?.name } };
  await patch("apply", applied);
  await patch("apply", applied, "?dryRun=All&fieldManager=applier");
  await patch("apply", applied, "?fieldManager=applier&force=true");
  await patch(
    "apply",
    { ...applied, metadata: { ...applied.metadata, labels: { edited: "mine" } } },
    "?fieldManager=applier",
  );
  await patch(
    "apply",
    { ...applied, metadata: { ...applied.metadata, labels: { edited: "mine" } } },
    "?fieldManager=applier&force=true",
  );
  await patch("apply", { ...applied, nope: 1 }, "?fieldManager=applier&force=true&dryRun=All");
  await patch("apply", { ...applied, metadata: { ...applied.metadata, managedFields: [] } }, "?fieldManager=applier");
  await patch("apply", { metadata: {} }, "?fieldManager=applier");
  await patch("apply", "x: [", "?fieldManager=applier");
  await patch("merge", {}, "?dryRun=All&force=true");
  await send({ method: "PATCH", path, type: "application/json", body: {} });
  await send({ method: "PATCH", path: `${collection}/absent`, type: PATCHES.merge, body: {} });
  await send({ method: "PATCH", path: `${collection}/absent`, type: PATCHES.json, body: [] });
  await send({
    method: "PATCH",
    path: `${collection}/applied?dryRun=All&fieldManager=applier`,
    type: PATCHES.apply,
    body: { ...object, metadata: { ...object.metadata, name: "applied" } },
  });
  for (const query of ["dryRun=x", "fieldValidation=x", `fieldManager=${"x".repeat(129)}`, "force=x"]) {
    await put(live, `?${query}`);
    await patch("merge", {}, `?${query}`);
    await patch("apply", applied, `?${query}`);
  }
}

async function subresources(send: Send, { resource }: Sample, path: string): Promise<void> {
  for (const name of [
    "status",
    "scale",
    "finalize",
    "approval",
    "resize",
    "ephemeralcontainers",
    "token",
    "eviction",
    "binding",
  ]) {
    if (name === "binding" || name === "eviction" || name === "token") {
      if (!resource.subresources.some((one) => one.name === name)) continue;
      await send({ method: "POST", path: `${path}/${name}?dryRun=All`, body: {} });
      await send({ method: "GET", path: `${path}/${name}` });
      continue;
    }
    const at = `${path}/${name}`;
    const live = await send({ method: "GET", path: at });
    if (live.code !== 200 && name !== "finalize") continue;
    for (const accept of FORMS) await send({ method: "GET", path: at, accept });
    await send({ method: "PUT", path: `${at}?dryRun=All`, body: live.object });
    await send({ method: "PUT", path: `${at}?dryRun=All`, body: { ...live.object, status: {}, spec: {} } });
    await send({ method: "PUT", path: `${at}?dryRun=All`, body: {} });
    await send({
      method: "PATCH",
      path: `${at}?dryRun=All`,
      type: PATCHES.merge,
      body: { metadata: { labels: { sub: "x" } }, status: { nope: 1 } },
    });
    await send({
      method: "PATCH",
      path: `${at}?dryRun=All`,
      type: PATCHES.merge,
      body: { spec: { replicas: 3 }, status: { conditions: [] } },
    });
    await send({
      method: "PATCH",
      path: `${at}?dryRun=All`,
      type: PATCHES.strategic,
      body: { status: { conditions: [{ type: "X", status: "True" }] } },
    });
    await send({
      method: "PATCH",
      path: `${at}?dryRun=All&fieldManager=s&force=true`,
      type: PATCHES.apply,
      body: {
        apiVersion: live.object.apiVersion,
        kind: live.object.kind,
        metadata: { name: live.object.metadata?.name },
        status: {},
      },
    });
    await send({ method: "DELETE", path: at });
    await send({ method: "POST", path: at, body: live.object });
  }
}

async function deleting(send: Send, { object }: Sample, collection: string, path: string): Promise<void> {
  const remove = (body?: object | string, query = "?dryRun=All") =>
    send({ method: "DELETE", path: `${path}${query}`, ...(body !== undefined && { body }) });
  await remove();
  await remove(undefined, "?dryRun=x");
  await remove(undefined, "?propagationPolicy=Nope&dryRun=All");
  await remove(undefined, "?gracePeriodSeconds=-1&dryRun=All");
  await remove(undefined, "?gracePeriodSeconds=x&dryRun=All");
  await remove(undefined, "?propagationPolicy=Foreground&dryRun=All");
  const dryRun = ["All"]; // options in the body replace those of the query
  await remove({ dryRun, propagationPolicy: "Orphan" });
  await remove({ dryRun, propagationPolicy: "Orphan", orphanDependents: true });
  await remove({ dryRun, orphanDependents: true });
  await remove({ dryRun, preconditions: { uid: "nope" } });
  await remove({ dryRun, preconditions: { resourceVersion: "1" } });
  await remove({ kind: "DeleteOptions", apiVersion: "v1", dryRun }, "");
  await remove({ kind: "Nope", apiVersion: "v1", dryRun });
  await remove({ kind: "DeleteOptions", apiVersion: "nope/v1", dryRun });
  await remove({ nope: 1, dryRun });
  await remove("{");
  await remove("[]");
  await send({ method: "DELETE", path: `${collection}/absent` });
  await send({ method: "DELETE", path: `${collection}?dryRun=All&labelSelector=edited` });
  await send({ method: "DELETE", path: `${collection}?dryRun=x` });
  await send({
    method: "DELETE",
    path: `${collection}?labelSelector=nope,edited&limit=1`,
    body: { propagationPolicy: "Foreground" },
  });
  await send({ method: "DELETE", path });
  await send({ method: "GET", path });
  await send({ method: "PATCH", path, type: PATCHES.merge, body: { metadata: { finalizers: null } } });
  await send({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
  await send({ method: "GET", path });
  await send({
    method: "POST",
    path: collection,
    body: { ...object, metadata: { ...object.metadata, name: "again", labels: { again: "1" } } },
  });
  await send({ method: "DELETE", path: `${collection}?labelSelector=again&gracePeriodSeconds=0` });
  await send({ method: "GET", path: `${collection}?labelSelector=again` });
  await send({
    method: "PATCH",
    path: `${collection}/again`,
    type: PATCHES.merge,
    body: { metadata: { finalizers: null } },
  });
}
