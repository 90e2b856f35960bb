import type { Scenario, Send } from "../exchange.ts";
import { namespaceFor, PATCHES } from "./lifecycle.ts";

/** Values of every type in fields of every type, in every patch that is JSON; and directives where none belong. */
export function patchValueScenarios(): readonly Scenario[] {
  return [
    { name: "values in patches of pods", run: ofPods },
    { name: "values in patches of services", run: ofServices },
    { name: "values in patches of custom resources", run: ofCustom },
    { name: "directives in patches", run: directives },
  ];
}

/** As they are written. */
const VALUES = [
  "null",
  "true",
  '"text"',
  '""',
  '"5"',
  "5",
  "-5",
  "5.0",
  "5.5",
  "5e0",
  "1e3",
  "1E2",
  "0.0",
  "-0.0",
  "1e-1",
  "3000000000",
  "9007199254740993",
  "9223372036854775807",
  "9223372036854775808",
  "1e19",
  "1e400",
  "[]",
  '["a"]',
  "[1]",
  "[null]",
  "[[]]",
  "{}",
  '{"a":"b"}',
  '{"a":1}',
];

const POD = {
  metadata: { name: "p", labels: { app: "a" } },
  spec: {
    containers: [{ name: "a", image: "i", ports: [{ containerPort: 80 }], resources: { requests: { cpu: "1" } } }],
  },
};

/** Fields of each type. */
const OF_POD = [
  "/metadata",
  "/metadata/labels",
  "/metadata/labels/app",
  "/metadata/finalizers",
  "/metadata/deletionTimestamp",
  "/metadata/generation",
  "/metadata/ownerReferences",
  "/spec",
  "/spec/activeDeadlineSeconds",
  "/spec/priority",
  "/spec/hostNetwork",
  "/spec/enableServiceLinks",
  "/spec/nodeName",
  "/spec/nodeSelector",
  "/spec/securityContext",
  "/spec/containers",
  "/spec/imagePullSecrets",
  "/spec/tolerations",
  "/spec/overhead",
];

const SERVICE = { metadata: { name: "s" }, spec: { ports: [{ name: "http", port: 80 }] } };

const OF_SERVICE = ["/spec/ports", "/spec/sessionAffinityConfig", "/spec/clusterIPs", "/spec/publishNotReadyAddresses"];

/** {"a":{"b":VALUE}} of "/a/b". */
function nested(path: string, value: string): string {
  return path
    .slice(1)
    .split("/")
    .reduceRight((inner, name) => `{${JSON.stringify(name)}:${inner}}`, value);
}

async function patches(send: Send, path: string, fields: readonly string[], types: readonly Type[]): Promise<void> {
  for (const field of fields)
    for (const value of VALUES)
      for (const type of types) {
        const operation = `[{"op":"add","path":${JSON.stringify(field)},"value":${value}}]`;
        const body = type === "json" ? operation : nested(field, value);
        await send({ method: "PATCH", path: `${path}?dryRun=All`, type: PATCHES[type], body });
      }
}

type Type = "json" | "merge" | "strategic";

const ALL: readonly Type[] = ["json", "merge", "strategic"];

async function ofPods(send: Send): Promise<void> {
  const pods = `/api/v1/namespaces/${await namespaceFor(send, "values-pods")}/pods`;
  await send({ method: "POST", path: pods, body: POD });
  await patches(send, `${pods}/p`, OF_POD, ALL);
  for (const value of VALUES) {
    const container = (member: string) => `{"spec":{"containers":[{"name":"a",${member}}]}}`;
    for (const member of [
      `"image":${value}`,
      `"args":${value}`,
      `"env":${value}`,
      `"env":[${value}]`,
      `"env":[{"name":"X","value":${value}}]`,
      ...(isHashable(value) ? [`"ports":[{"containerPort":${value}}]`] : []),
      `"resources":{"requests":{"cpu":${value}}}`,
      `"livenessProbe":{"httpGet":{"port":${value}}}`,
      `"stdin":${value}`,
      `"securityContext":{"runAsUser":${value}}`,
    ])
      await send({
        method: "PATCH",
        path: `${pods}/p?dryRun=All`,
        type: PATCHES.strategic,
        body: container(member),
      });
  }
  for (const value of ["1", "1.0", "80", "80.0", "8e1", '"80"'])
    for (const field of ["containerPort", "hostPort"])
      await send({
        method: "PATCH",
        path: `${pods}/p?dryRun=All`,
        type: PATCHES.json,
        body: `[{"op":"test","path":"/spec/containers/0/ports/0/${field}","value":${value}}]`,
      });
}

async function ofServices(send: Send): Promise<void> {
  const services = `/api/v1/namespaces/${await namespaceFor(send, "values-services")}/services`;
  await send({ method: "POST", path: services, body: SERVICE });
  await patches(send, `${services}/s`, OF_SERVICE, ALL);
  for (const value of VALUES)
    for (const type of ["merge", "strategic"] as const)
      for (const name of [...(isHashable(value) ? ["port"] : []), "targetPort", "nodePort", "appProtocol"])
        await send({
          method: "PATCH",
          path: `${services}/s?dryRun=All`,
          type: PATCHES[type],
          body: `{"spec":{"ports":[{"port":80,"name":"http","${name}":${value}}]}}`,
        });
}

/** Not as what elements of lists are told by: upstream ends without an answer then. */
function isHashable(value: string): boolean {
  return !/^[[{]/.test(value);
}

const KINDS = ["integer", "number", "string", "boolean", "array", "object"];

async function ofCustom(send: Send): Promise<void> {
  const properties = Object.fromEntries(
    KINDS.map((type) => [
      type,
      {
        type,
        ...(type === "array" && { items: { type: "integer" } }),
        ...(type === "object" && { additionalProperties: { type: "string" } }),
      },
    ]),
  );
  const schema = {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          ...properties,
          port: { "x-kubernetes-int-or-string": true },
          free: { "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    },
  };
  const group = "values.cr.example.com";
  await send({
    method: "POST",
    path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    body: {
      metadata: { name: `values.${group}` },
      spec: {
        group,
        scope: "Cluster",
        names: { plural: "values", kind: "Value" },
        versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
      },
    },
  });
  await new Promise((resolve) => setTimeout(resolve, 3000));
  const path = `/apis/${group}/v1/values`;
  await send({
    method: "POST",
    path,
    body: {
      apiVersion: `${group}/v1`,
      kind: "Value",
      metadata: { name: "v" },
      spec: { integer: 5, number: 1000, free: 1.5 },
    },
  });
  const fields = [
    "/metadata/labels",
    "/metadata/generation",
    "/spec",
    ...[...KINDS, "port", "free", "gone"].map((name) => `/spec/${name}`),
  ];
  await patches(send, `${path}/v`, fields, ["json", "merge"]);
  for (const value of VALUES) {
    const object = `{"apiVersion":"${group}/v1","kind":"Value","metadata":{"name":"w"},"spec":`;
    for (const name of ["integer", "number", "port", "free"])
      await send({ method: "POST", path: `${path}?dryRun=All`, body: `${object}{"${name}":${value}}}` });
    for (const name of ["integer", "number", "free"])
      await send({
        method: "PATCH",
        path: `${path}/v?dryRun=All`,
        type: PATCHES.json,
        body: `[{"op":"test","path":"/spec/${name}","value":${value}}]`,
      });
  }
}

/** Directives by themselves, with every value. */
async function directives(send: Send): Promise<void> {
  const namespace = await namespaceFor(send, "directives");
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const spec = {
    ...POD.spec,
    tolerations: [{ key: "a", operator: "Exists" }],
    volumes: [{ name: "v", emptyDir: {} }],
    hostAliases: [{ ip: "10.0.0.1", hostnames: ["a"] }],
  };
  const metadata = { ...POD.metadata, finalizers: ["example.com/a", "example.com/b"] };
  await send({ method: "POST", path: pods, body: { metadata, spec } });
  const patch = (body: string) =>
    send({ method: "PATCH", path: `${pods}/p?dryRun=All`, type: PATCHES.strategic, body });
  const values = [
    ...VALUES.filter((value) => !/^-?\d/.test(value) || value === "5"),
    '"replace"',
    '"delete"',
    '"merge"',
    '["name"]',
    '[{"name":"a"}]',
    '[{"nope":"a"}]',
    '[{"name":"x"},{"name":"a"}]',
  ];
  const places = [
    ["", "containers"],
    ["/spec", "containers"],
    ["/spec", "volumes"],
    ["/spec", "hostAliases"],
    ["/spec", "nope"],
    ["/spec", "nodeSelector"],
    ["/spec", "hostNetwork"],
    ["/metadata", "finalizers"],
    ["/metadata", "labels"],
  ] as const;
  for (const value of values) {
    for (const [at, list] of places)
      for (const name of [`$setElementOrder/${list}`, `$deleteFromPrimitiveList/${list}`])
        await patch(
          at === ""
            ? nested(`/${name.replace("/", "~")}`, value).replace("~", "/")
            : `{"${at.slice(1)}":{"${name}":${value}}}`,
        );
    for (const at of ["/spec", "/metadata", "/metadata/labels", "/spec/securityContext", "/status"])
      for (const name of ["$patch", "$retainKeys", "$nope"]) await patch(nested(`${at}/${name}`, value));
    for (const list of ["containers", "volumes", "tolerations", "hostAliases", "imagePullSecrets"])
      for (const name of ["$patch", "$retainKeys"]) {
        await patch(`{"spec":{"${list}":[{"name":"v","ip":"10.0.0.1","${name}":${value}}]}}`);
        await patch(`{"spec":{"${list}":[{"${name}":${value}}]}}`);
      }
    await patch(`{"spec":{"volumes":[{"name":"v","emptyDir":{"$patch":${value}}}]}}`);
    await patch(`{"metadata":{"finalizers":[${value}]}}`);
    await patch(`{"metadata":{"finalizers":["example.com/c"],"$setElementOrder/finalizers":${value}}}`);
    await patch(`{"spec":{"containers":[{"name":"c","image":"i"}],"$setElementOrder/containers":${value}}}`);
  }
}
