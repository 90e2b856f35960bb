import { apiVersionOf, encodeProtobuf, type ObjectSchema, schemaOf } from "@tsukube/api";
import type { Scenario, Send } from "../exchange.ts";
import { collectionPath, labelOf, movedTo, type Sample, storedSamples } from "../samples.ts";
import { META, namespaceFor, PATCHES, PROTOBUF, settled } from "./lifecycle.ts";

/** Bodies in every encoding: what they may hold, and what is wrong with them. */
export function encodingScenarios(): readonly Scenario[] {
  return [
    ...storedSamples().map((sample) => ({
      name: `protobuf of ${labelOf(sample)}`,
      isOff: sample.isOff,
      run: (send: Send) => protobufOf(send, sample),
    })),
    { name: "bodies with mistakes", run: mistakes },
    { name: "names that are generated", run: generated },
  ];
}

/** Creating and replacing as client-go does: protobuf goes there and comes back. */
async function protobufOf(send: Send, recorded: Sample): Promise<void> {
  const { resource } = recorded;
  const namespace = resource.namespaced ? await namespaceFor(send, `pb-${labelOf(recorded)}`) : "";
  const { object } = movedTo(recorded, namespace);
  const path = collectionPath(resource, namespace);
  const schema = schemaOf(resource) as ObjectSchema;
  const encode = (value: object, identity: object = {}) =>
    Buffer.from(
      encodeProtobuf(value, schema, { apiVersion: apiVersionOf(resource), kind: resource.kind, ...identity }),
    );
  const write = (method: "POST" | "PUT", at: string, body: Buffer, note: string, accept = PROTOBUF) =>
    send({ method, path: at, type: PROTOBUF, accept, body, note });
  const made = await write("POST", path, encode(object), "object");
  const at = `${path}/${made.object.metadata?.name}`;
  await settled(resource);
  const stored = await send({ method: "GET", path: at, accept: PROTOBUF });
  const live = (await write("PUT", at, encode(stored.object), "as it is")).object; // whose labels some kinds fill in when they are read
  await write(
    "PUT",
    `${at}?dryRun=All`,
    encode({ ...live, metadata: { ...live.metadata, labels: { edited: "é" } } }),
    "label",
  );
  await write(
    "PUT",
    at,
    encode({ ...live, metadata: { ...live.metadata, labels: { edited: "pb" } } }),
    "label",
    "application/json",
  );
  await write("PUT", at, encode({ ...live, metadata: { ...live.metadata, labels: { edited: "stale" } } }), "stale");
  await write("PUT", `${at}?dryRun=All`, encode({ metadata: { name: live.metadata?.name } }), "empty");
  if (resource.subresources.some(({ name }) => name === "status"))
    await write(
      "PUT",
      `${at}/status?dryRun=All`,
      encode({ ...live, metadata: { ...live.metadata, resourceVersion: "" } }),
      "status",
    );
  await write("POST", `${path}?dryRun=All`, encode(object, { kind: "" }), "no kind");
  await write("POST", `${path}?dryRun=All`, encode(object, { apiVersion: "" }), "no version");
  await write("POST", `${path}?dryRun=All`, encode(object, { kind: "Nope" }), "another kind");
  await send({ method: "DELETE", path: `${at}?gracePeriodSeconds=0`, accept: PROTOBUF });
}

const POD = `"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i"}]}`;
const YAML_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: m}\nspec: {containers: [{name: c, image: i}]}\n";

const JSON_BODIES: readonly string[] = [
  `{${POD},"nope":1}`,
  `{${POD},"nope":{"a":[1]},"Nope":2}`,
  `{${POD},"kind":"Pod","kind":"Pod"}`,
  `{"metadata":{"name":"m","name":"n","labels":{"a":"1","a":"2","b":"1"}},"spec":{"containers":[{"name":"c","image":"i","image":"j","x":1}]}}`,
  `{${POD},"Metadata":{"name":"other"}}`,
  `{${POD},"status":{"nope":1,"phase":"Running","phase":"Failed"}}`,
  `{"METADATA":{"name":"m"},"spec":{"Containers":[{"name":"c","image":"i"}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":"80"}]}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80.0}]}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":80.5}]}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","ports":[{"containerPort":99999999999}]}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":1,"image":true}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":{"name":"c"}}}`,
  `{"metadata":{"name":"m"},"spec":[]}`,
  `{"metadata":{"name":"m"},"spec":"x"}`,
  `{"metadata":"m"}`,
  `{"metadata":{"name":"m","labels":{"a":null,"b":1}}}`,
  `{"metadata":{"name":"m","creationTimestamp":"yesterday"}}`,
  `{"metadata":{"name":"m","creationTimestamp":1}}`,
  `{"metadata":{"name":"m","annotations":{"a":"\\u0000\\ud83d\\ude00\\ud800"}},"spec":{"containers":[{"name":"c","image":"i"}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"1x"}}}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":1,"memory":1.5e9}}}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","livenessProbe":{"httpGet":{"port":"80"}}}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i","livenessProbe":{"httpGet":{"port":1.5}}}]}}`,
  `{"metadata":{"name":"m"},"spec":{"containers":[{"name":"c","image":"i"}],"activeDeadlineSeconds":1e2}}`,
  `{"kind":"Pod","apiVersion":"v2",${POD}}`,
  `{"kind":"pod","apiVersion":"v1",${POD}}`,
  `{"kind":"PodList","apiVersion":"v1","items":[]}`,
  `{"kind":1,${POD}}`,
  `{"apiVersion":{},${POD}}`,
  `{${POD}}{${POD}}`,
  `{${POD}} x`,
  `{${POD},}`,
  `{'metadata':{}}`,
  `{${POD}`,
  `\ufeff{${POD}}`,
  "null",
  "true",
  "1",
  '"x"',
  "[]",
  "[{}]",
  " ",
  "\n{}",
  "{}",
];

const YAML_BODIES: readonly string[] = [
  YAML_POD,
  `${YAML_POD}nope: 1\n`,
  `${YAML_POD}kind: Pod\n`,
  `${YAML_POD}---\n${YAML_POD}`,
  `---\n${YAML_POD}...\n`,
  YAML_POD.replace("name: c,", "name: c, name: d,"),
  YAML_POD.replace("name: c,", "name: c, x: 1,"),
  YAML_POD.replace("image: i", "image: &i x"),
  YAML_POD.replace("{name: m}", "{name: m, labels: {a: yes, d: ~}}"),
  YAML_POD.replace("{name: m}", "{name: m, labels: {1: a, true: b, ~: c}}"),
  YAML_POD.replace("{name: m}", "{name: m, annotations: {a: !!str 1, b: !!binary aGk=, c: 2020-01-01}}"),
  YAML_POD.replace("{name: m}", "{<<: {name: m}}"),
  YAML_POD.replace("{name: m}", "{name: m, annotations: {b: 017}}"),
  "a: [",
  "\ta: b",
  "a: b: c",
  "- a",
  "x",
  "",
  "{}",
  "%YAML 1.1\n---\n{}\n",
  "a: *b\n",
  "apiVersion: v1\nkind: Pod\nmetadata:\n  name: m\n spec: {}\n",
];

async function mistakes(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "mistakes")}/pods`;
  await send({ method: "POST", path, body: `{${POD}}`.replace('"m"', '"live"') });
  for (const validation of ["", "&fieldValidation=Strict", "&fieldValidation=Warn", "&fieldValidation=Ignore"]) {
    const query = `?dryRun=All${validation}`;
    for (const body of JSON_BODIES) await send({ method: "POST", path: `${path}${query}`, body });
    for (const body of YAML_BODIES)
      await send({ method: "POST", path: `${path}${query}`, type: "application/yaml", body });
    for (const body of JSON_BODIES.slice(0, 8))
      await send({ method: "PUT", path: `${path}/live${query}`, body: body.replaceAll('"m"', '"live"') });
    for (const body of JSON_BODIES.slice(0, 8))
      for (const type of ["merge", "strategic"] as const)
        await send({
          method: "PATCH",
          path: `${path}/live${query}`,
          type: PATCHES[type],
          body: body.replaceAll('"m"', '"live"'),
        });
    for (const body of YAML_BODIES.slice(0, 13))
      await send({
        method: "PATCH",
        path: `${path}/live${query}&fieldManager=m`,
        type: PATCHES.apply,
        body: body.replaceAll("name: m", "name: live"),
      });
  }
  for (const body of ["", "k8s\0", "k8s\0\x0a", "k8s\0\x0a\x02\x0a\x00", "k9s\0", "\x00"])
    await send({
      method: "POST",
      path: `${path}?dryRun=All`,
      type: PROTOBUF,
      body: Buffer.from(body, "latin1"),
      note: JSON.stringify(body),
    });
  for (const type of [
    "application/json;charset=utf-8",
    "application/json;",
    "json",
    "application/JSON",
    "application/*",
    "*/*",
    "application/cbor",
    "application/yaml; x=y",
    "text/yaml",
    "application/x-yaml",
  ])
    await send({ method: "POST", path: `${path}?dryRun=All`, type, body: `{${POD}}` });
  for (const accept of [
    "application/json;q=0",
    "application/*",
    "application/json, */*;q=0.1",
    "application/json;pretty=1",
    "application/yaml;q=0.9,application/json;q=0.8",
    "image/png,*/*",
    `application/json;as=Nope;v=v1;${META}`,
    `application/json;as=Table;v=v1;g=nope`,
    `application/json;as=Table;v=v1`,
    "application/json;as=Table",
    `application/json;as=Table;v=v1;${META},application/json;as=Table;v=v1beta1;${META},application/json`,
    `application/json;as=PartialObjectMetadata;v=v2;${META}`,
    `application/json;as=PartialObjectMetadata;v=v2;${META},application/json`,
    "/",
    "application",
    ",",
    "application/json;;",
    "application/json;charset=utf-8",
  ]) {
    await send({ method: "GET", path: `${path}/live`, accept });
    await send({ method: "GET", path, accept });
    await send({ method: "GET", path: `${path}/absent`, accept });
    await send({ method: "POST", path: `${path}?dryRun=All`, accept, body: `{${POD}}` });
  }
}

async function generated(send: Send): Promise<void> {
  const path = `/api/v1/namespaces/${await namespaceFor(send, "generated")}/configmaps`;
  const metadatas: readonly object[] = [
    { generateName: "gn-" },
    { generateName: "gn-", name: "named" },
    { generateName: "" },
    { generateName: "GN-" },
    { generateName: "gn_" },
    { generateName: "-gn-" },
    { generateName: "gn." },
    { name: "" },
    { name: "x".repeat(253) },
    { name: "x".repeat(254) },
    { name: "." },
    { name: ".." },
    { name: "a/b" },
    { name: "a%b" },
    { name: "a..b" },
    { name: "-a" },
    { name: "é" },
    { name: "a", namespace: "" },
    { name: "a", namespace: "d-other" },
    { name: "a", uid: "u", creationTimestamp: "2020-01-01T00:00:00Z", generation: 5, selfLink: "x" },
    { name: "a", deletionTimestamp: "2020-01-01T00:00:00Z", deletionGracePeriodSeconds: 1 },
    { name: "a", resourceVersion: "1" },
    { name: "a", resourceVersion: "0" },
    { name: "a", resourceVersion: "" },
    {
      name: "a",
      managedFields: [{ manager: "m", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1: {} }],
    },
    { name: "a", managedFields: [{ manager: "m", operation: "Nope" }] },
    {
      name: "a",
      ownerReferences: [
        { apiVersion: "v1", kind: "X", name: "y", uid: "z" },
        { apiVersion: "v1", kind: "X", name: "y", uid: "z" },
      ],
    },
    {
      name: "a",
      ownerReferences: [
        { apiVersion: "a/b/c", kind: "X", name: "y", uid: "z", controller: true },
        { apiVersion: "v1", kind: "Event", name: "e", uid: "w", controller: true },
      ],
    },
    { name: "a", finalizers: ["x", "example.com/y", "orphan", "orphan", "a b"] },
    { name: "a", labels: { "a/b/c": "d" } },
    { name: "a", annotations: { ["x".repeat(64)]: "a", "A/b": "ok", big: "x".repeat(262_145) } },
  ];
  for (const metadata of metadatas)
    for (const query of ["?dryRun=All", "?dryRun=All&fieldValidation=Strict"])
      await send({ method: "POST", path: `${path}${query}`, body: { metadata } });
  await send({ method: "POST", path: `${path}/posted`, body: { metadata: { name: "posted" } } });
  await send({ method: "POST", path: `${path}?name=x`, body: { metadata: { name: "y" } } });
  await send({ method: "PUT", path, body: { metadata: { name: "y" } } });
  await send({ method: "POST", path: "/api/v1/namespaces/d-none/configmaps", body: { metadata: { name: "y" } } });
  await send({
    method: "POST",
    path: "/api/v1/configmaps",
    body: { metadata: { name: "y", namespace: "d-generated" } },
  });
  await send({ method: "PUT", path: "/api/v1/namespaces/d-none/configmaps/y", body: { metadata: { name: "y" } } });
}
