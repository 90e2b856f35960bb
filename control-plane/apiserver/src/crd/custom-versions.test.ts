import { ApiError, decodeUnstructured, encodeUnstructuredText, type Json, type Unstructured } from "@tsukube/api";
import { Lifetime } from "@tsukube/foundation";
import { createHttpsServer, realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { type Cluster, startCluster, VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { indexOf } from "../storage/cached-object.ts";

const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const items = (version: string) => `/apis/example.com/${version}/namespaces/default/hosts`;

interface Review {
  readonly request: {
    readonly uid: string;
    readonly desiredAPIVersion: string;
    readonly objects: readonly Unstructured[];
  };
}

let lifetime: Lifetime;
let cluster: Cluster;
beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
});
afterEach(() => lifetime.close());

async function send(
  method: string,
  path: string,
  body?: object,
  type = method === "PATCH" ? "application/merge-patch+json" : "application/json",
): Promise<Record<string, unknown> & Unstructured> {
  const request = { method, path, headers: { "content-type": type } };
  const response = await cluster.transport.request(
    body === undefined ? request : { ...request, body: Buffer.from(JSON.stringify(body)) },
  );
  const object = JSON.parse(Buffer.from(response.body as Uint8Array).toString()) as Unstructured;
  if (response.status >= 400) throw new ApiError(object as never);
  return object as Record<string, unknown> & Unstructured;
}

const text = { type: "string" };
const version = (name: string, properties: object, storage: boolean) => ({
  name,
  served: true,
  storage,
  schema: { openAPIV3Schema: { type: "object", properties } },
});
const V1 = { hostPort: text };
const V2 = { host: text, port: text };

function definition(versions: readonly object[], conversion?: object): object {
  const names = { plural: "hosts", singular: "host", kind: "Host", listKind: "HostList" };
  const spec = { group: "example.com", scope: "Namespaced", names, versions, ...(conversion && { conversion }) };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "hosts.example.com" },
    spec,
  };
}

const host = (apiVersion: string, name: string, more: object) => ({
  apiVersion: `example.com/${apiVersion}`,
  kind: "Host",
  metadata: { name },
  ...more,
});

test("what is stored shows the defaults and the fields of today's schema", async () => {
  await send("POST", CRDS, definition([version("v1", { a: text, b: text }, true)]));
  await send("POST", items("v1"), host("v1", "x", { a: "1", b: "2" }));
  const openAPIV3Schema = { type: "object", properties: { a: text, c: { type: "string", default: "new" } } };
  const next = { name: "v1", served: true, storage: true, schema: { openAPIV3Schema } };
  await send("PATCH", `${CRDS}/hosts.example.com`, { spec: { versions: [next] } });
  expect(await send("GET", `${items("v1")}/x`)).toMatchObject({ a: "1", c: "new" });
  const list = (await send("GET", items("v1")))["items"] as readonly Record<string, unknown>[];
  expect([list[0]!["b"], list[0]!["c"]]).toEqual([undefined, "new"]);
});

test("a definition goes with its objects, whatever admission has against their deletion", async () => {
  const admission = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic";
  const rule = { apiGroups: ["example.com"], apiVersions: ["*"], operations: ["DELETE"], resources: ["hosts"] };
  const spec = { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: "false" }] };
  await send("POST", `${admission}ies`, { metadata: { name: "p" }, spec });
  const bound = { metadata: { name: "p" }, spec: { policyName: "p", validationActions: ["Deny"] } };
  await send("POST", `${admission}ybindings`, bound);
  await send("POST", CRDS, definition([version("v1", { a: text }, true)]));
  await send("POST", items("v1"), host("v1", "x", {}));
  await expect(send("DELETE", `${items("v1")}/x`)).rejects.toThrow("denied request");
  await send("DELETE", `${CRDS}/hosts.example.com`);
  await cluster.clock.advance(2000);
  await expect(send("GET", `${CRDS}/hosts.example.com`)).rejects.toMatchObject({ httpCode: 404 });
});

test("discovery tells of a definition once its conditions are stored, so that clients may update it then", async () => {
  await send("POST", CRDS, definition([version("v1", { a: text }, true)]));
  const groups = async () => JSON.stringify(await send("GET", "/apis"));
  const told = await groups();
  const stored = JSON.stringify((await send("GET", `${CRDS}/hosts.example.com`))["status"]);
  expect(told.includes("example.com")).toBe(stored.includes("Established"));
  await cluster.clock.advance(1000);
  expect(await groups()).toContain("example.com");
});

test("objects stored in another version than today's are shown in the version asked for", async () => {
  const versions = (stored: string) => ["v1", "v2"].map((name) => version(name, { a: text }, name === stored));
  await send("POST", CRDS, definition(versions("v1")));
  await send("POST", items("v1"), host("v1", "x", { a: "1" }));
  await send("PATCH", `${CRDS}/hosts.example.com`, { spec: { versions: versions("v2") } });
  await send("POST", items("v2"), host("v2", "y", { a: "2" }));
  for (const name of ["v1", "v2"]) {
    const list = (await send("GET", items(name)))["items"] as readonly Unstructured[];
    expect(list.map((item) => item.apiVersion)).toEqual([`example.com/${name}`, `example.com/${name}`]);
  }
});

test("what the version that is stored lacks is not in the answer to a write either", async () => {
  await send("POST", CRDS, definition([version("v1", { a: text }, true), version("v2", { a: text, b: text }, false)]));
  const wanted = host("v2", "x", { a: "1", b: "2" });
  const apply = (how = "") =>
    send("PATCH", `${items("v2")}/x?fieldManager=m${how}`, wanted, "application/apply-patch+yaml");
  const answers = [
    await apply("&dryRun=All"),
    await apply(),
    await apply(),
    await apply("&dryRun=All&force=true"),
    await send("PATCH", `${items("v2")}/x?dryRun=All`, { b: "3" }),
    await send("POST", items("v2"), { ...wanted, metadata: { name: "y" } }),
  ];
  for (const answer of [...answers, await send("GET", `${items("v2")}/x`)]) {
    expect(answer).toMatchObject({ apiVersion: "example.com/v2", a: "1" });
    expect(answer["b"]).toBeUndefined();
  }
});

test("what is stored has the defaults of the version that it is stored in, whatever version is asked for", async () => {
  const one = { type: "string", default: "one" };
  const two = { type: "string", default: "two" };
  const versions = [version("v1", { a: one, d: text }, true), version("v2", { a: two, d: two }, false)];
  await send("POST", CRDS, definition(versions));
  await send("POST", items("v1"), host("v1", "x", {}));
  const [listed] = (await send("GET", items("v2")))["items"] as readonly Record<string, unknown>[];
  for (const shown of [await send("GET", `${items("v2")}/x`), listed!])
    expect([shown["a"], shown["d"]]).toEqual(["one", undefined]);
  expect(await send("POST", items("v2"), host("v2", "y", {}))).toMatchObject({ a: "two", d: "two" });
});

test("a write that changes nothing brings an object into today's version, once", async () => {
  const versions = (stored: string) => ["v1", "v2"].map((name) => version(name, { a: text }, name === stored));
  const store = new MemoryStore({ clock: new VirtualClock() });
  cluster = lifetime.own("another", await startCluster({ store }));
  const lies = async () => {
    const record = await store.get("/registry/example.com/hosts/default/x");
    return JSON.parse(Buffer.from(record!.value).toString()) as Unstructured;
  };
  await send("POST", CRDS, definition(versions("v1")));
  await send("POST", items("v1"), host("v1", "x", { a: "1" }));
  const untouched = await send("PATCH", `${items("v1")}/x`, {});
  await send("PATCH", `${CRDS}/hosts.example.com`, { spec: { versions: versions("v2") } });
  expect((await lies()).apiVersion).toBe("example.com/v1");
  const rewritten = await send("PATCH", `${items("v1")}/x`, {});
  expect((await lies()).apiVersion).toBe("example.com/v2");
  expect(rewritten).toMatchObject({ apiVersion: "example.com/v1", a: "1" });
  expect(rewritten.metadata?.resourceVersion).not.toBe(untouched.metadata?.resourceVersion);
  const again = await send("PATCH", `${items("v1")}/x`, {});
  expect(again.metadata?.resourceVersion).toBe(rewritten.metadata?.resourceVersion);
});

test("a definition from before v1 says what v1 refuses of it, until it is mended", async () => {
  const store = new MemoryStore({ clock: new VirtualClock() });
  cluster = lifetime.own("another", await startCluster({ store }));
  const violations = async () => {
    const { conditions } = (await send("GET", `${CRDS}/hosts.example.com`))["status"] as {
      readonly conditions: readonly { readonly type: string; readonly message: string }[];
    };
    return conditions.filter(({ type }) => type === "NonStructuralSchema").map(({ message }) => message);
  };
  await send("POST", CRDS, definition([version("v1", { a: text }, true)]));
  await cluster.clock.advance(1000);
  expect(await violations()).toEqual([]);
  const key = "/registry/apiextensions.k8s.io/customresourcedefinitions/hosts.example.com";
  const { value, revision } = (await store.get(key))!;
  const old = JSON.parse(Buffer.from(value).toString()) as Unstructured & { spec: { versions: object[] } };
  const spec = { ...old.spec, preserveUnknownFields: true, versions: [version("v1", { a: {} }, true)] };
  const json = Buffer.from(JSON.stringify({ ...old, spec }));
  await store.commit([{ type: "put", key, value: json, index: indexOf(json, old.metadata!.uid!), expected: revision }]);
  await cluster.clock.advance(1000);
  const at = "spec.versions[0].schema.openAPIV3Schema.properties[a].type";
  expect(await violations()).toEqual([
    `[spec.preserveUnknownFields: Invalid value: true: must be false, ${at}: Required value: must not be empty for specified object fields]`,
  ]);
  const mended = { preserveUnknownFields: false, versions: [version("v1", { a: text }, true)] };
  await send("PATCH", `${CRDS}/hosts.example.com`, { spec: mended });
  await cluster.clock.advance(1000);
  expect(await violations()).toEqual([]);
});

test("what is stored with metadata that is none is read without that", async () => {
  const store = new MemoryStore({ clock: new VirtualClock() });
  cluster = lifetime.own("another", await startCluster({ store }));
  const inner = { type: "object", "x-kubernetes-embedded-resource": true, properties: { a: text } };
  await send(
    "POST",
    CRDS,
    definition([version("v1", { a: text, inner }, true), version("v2", { a: text, inner }, false)]),
  );
  const made = await send("POST", items("v1"), host("v1", "x", { a: "1" }));
  const key = "/registry/example.com/hosts/default/x";
  const { revision } = (await store.get(key))!;
  const spoiled = { annotations: { a: 42 }, labels: { b: "x y" }, none: 1 };
  const { resourceVersion: _seen, generation: _changes, ...metadata } = made.metadata!;
  const lies = {
    ...made,
    inner: { apiVersion: "a/v1", kind: 1, metadata: spoiled },
    metadata: { ...spoiled, ...metadata },
  };
  const json = Buffer.from(JSON.stringify(lies));
  await store.commit([{ type: "put", key, value: json, index: indexOf(json, metadata.uid!), expected: revision }]);
  for (const name of ["v1", "v2"]) {
    const shown = await send("GET", `${items(name)}/x`);
    expect(shown["inner"]).toEqual({ apiVersion: "a/v1", metadata: { labels: spoiled.labels } });
    expect(shown.metadata).toMatchObject({ name: "x", labels: spoiled.labels, generation: 1 });
    expect(shown.metadata).not.toHaveProperty("annotations");
  }
  await send("DELETE", `${items("v1")}/x`);
  await expect(send("GET", `${items("v1")}/x`)).rejects.toMatchObject({ httpCode: 404 });
});

test("a status goes when a write to the status endpoint leaves it out", async () => {
  const x = { type: "object", properties: { x: { type: "integer" } } };
  const withStatus = { ...version("v1", { a: text, status: x }, true), subresources: { status: {} } };
  await send("POST", CRDS, definition([withStatus]));
  const made = await send("POST", items("v1"), host("v1", "x", { a: "1" }));
  const path = `${items("v1")}/x/status`;
  const apply = (more: object) =>
    send("PATCH", `${path}?fieldManager=m&force=true`, host("v1", "x", more), "application/apply-patch+yaml");
  const put = async (more: object) => {
    const { metadata } = await send("GET", path);
    return send("PUT", path, { ...made, metadata, ...more });
  };
  for (const remove of [() => apply({}), () => send("PATCH", path, { status: null }), () => put({})]) {
    expect((await apply({ status: { x: 1 } }))["status"]).toEqual({ x: 1 });
    expect(await remove()).not.toHaveProperty("status");
    expect(await send("GET", path)).toMatchObject({ a: "1" });
  }
});

describe("a conversion webhook", () => {
  let asked: number;
  let reply: (review: Review) => object;
  let webhook: object;

  const convert = (object: Unstructured, apiVersion: string): object => {
    const { hostPort, host: name, port, ...rest } = object as unknown as Record<string, string>;
    if (apiVersion === object.apiVersion) return object;
    if (apiVersion === "example.com/v1") return { ...rest, apiVersion, hostPort: `${name}:${port}` };
    const [first, second] = String(hostPort).split(":");
    return { ...rest, apiVersion, host: first, port: second };
  };

  beforeEach(async () => {
    asked = 0;
    reply = ({ request: { uid, objects, desiredAPIVersion } }) => ({
      uid,
      result: { status: "Success" },
      convertedObjects: objects.map((object) => convert(object, desiredAPIVersion)),
    });
    const keys = await createAuthorityKeys("ca", realClock, systemRandom);
    const authority = await openAuthority(keys, realClock, systemRandom);
    const pair = await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] });
    const server = createHttpsServer({
      ...pair,
      handle: (exchange) =>
        void exchange.body(1e6).then((body) => {
          asked += 1;
          const response = reply(decodeUnstructured<Review & Json>(body).object);
          const kind = { apiVersion: "apiextensions.k8s.io/v1", kind: "ConversionReview" };
          const review = encodeUnstructuredText({ ...kind, response });
          exchange.send(200, { "content-type": "application/json" }, Buffer.from(review));
        }),
    });
    lifetime.own("webhook", server);
    const port = await server.listen("127.0.0.1", 0);
    const clientConfig = {
      url: `https://127.0.0.1:${port}/convert`,
      caBundle: Buffer.from(keys.cert).toString("base64"),
    };
    webhook = { strategy: "Webhook", webhook: { clientConfig, conversionReviewVersions: ["v1", "v1beta1"] } };
    const versions = [version("v1", V1, true), version("v2", V2, false)];
    await send("POST", CRDS, definition(versions, webhook));
  });

  test("converts what is read in another version, and what is written in one", async () => {
    await send("POST", items("v1"), host("v1", "x", { hostPort: "localhost:8080" }));
    expect(asked).toBe(0);
    const shown = await send("GET", `${items("v2")}/x`);
    expect(shown).toMatchObject({ apiVersion: "example.com/v2", host: "localhost", port: "8080" });
    expect(shown["hostPort"]).toBeUndefined();
    await send("POST", items("v2"), host("v2", "y", { host: "h", port: "1" }));
    expect(await send("GET", `${items("v1")}/y`)).toMatchObject({ hostPort: "h:1" });
    await send("PATCH", `${items("v2")}/x`, { port: "9" });
    expect(await send("GET", `${items("v1")}/x`)).toMatchObject({ hostPort: "localhost:9" });
    await send("DELETE", `${items("v2")}/y`);
    expect((await send("GET", items("v1")))["items"]).toHaveLength(1);
    const dry = await send("POST", `${items("v2")}?dryRun=All`, host("v2", "z", { host: "h:1", port: "2" }));
    expect(dry).toMatchObject({ apiVersion: "example.com/v2", host: "h", port: "1" });
  });

  test("has written what answers to writes tell, too: they are what a read would be", async () => {
    const versions = [
      version("v1", { ...V1, kept: { type: "string", default: "k" } }, true),
      version("v2", { ...V2, kept: text }, false),
    ];
    await send("PATCH", `${CRDS}/hosts.example.com`, { spec: { versions } });
    const noted = (object: object, apiVersion: string): object => {
      const { metadata, ...rest } = object as Unstructured;
      return { ...rest, metadata: { ...metadata, labels: { ...metadata?.labels, to: apiVersion.replace("/", ".") } } };
    };
    reply = ({ request: { uid, objects, desiredAPIVersion } }) => ({
      uid,
      result: { status: "Success" },
      convertedObjects: objects.map((object) => noted(convert(object, desiredAPIVersion), desiredAPIVersion)),
    });
    const made = await send("POST", items("v2"), host("v2", "x", { host: "h", port: "1" }));
    expect(made).toMatchObject({ host: "h", port: "1", kept: "k", metadata: { labels: { to: "example.com.v2" } } });
    expect(await send("GET", `${items("v2")}/x`)).toEqual(made);
    const changed = await send("PATCH", `${items("v2")}/x`, { port: "2" });
    expect(await send("GET", `${items("v2")}/x`)).toEqual(changed);
  });

  test("is told numbers that JavaScript cannot hold as they are", async () => {
    const size = { type: "integer", format: "int64" };
    const versions = [version("v1", { ...V1, size }, true), version("v2", { ...V2, size }, false)];
    await send("PATCH", `${CRDS}/hosts.example.com`, { spec: { versions } });
    const headers = { "content-type": "application/json" };
    const large = JSON.stringify(host("v1", "x", { hostPort: "a:1", size: "@" })).replace('"@"', "9007199254740993");
    await cluster.transport.request({ method: "POST", path: items("v1"), headers, body: Buffer.from(large) });
    for (const path of [items("v2"), `${items("v2")}/x`]) {
      const { body } = await cluster.transport.request({ method: "GET", path, headers: {} });
      expect(Buffer.from(body as Uint8Array).toString()).toContain('"size":9007199254740993');
    }
  });

  test("converts lists of objects that are stored in several versions", async () => {
    await send("POST", items("v1"), host("v1", "x", { hostPort: "localhost:8080" }));
    const versions = [version("v1", V1, false), version("v2", V2, true)];
    await send("PATCH", `${CRDS}/hosts.example.com`, { spec: { versions } });
    await send("POST", items("v2"), host("v2", "y", { host: "h", port: "1" }));
    for (const [name, expected] of [
      ["v1", { hostPort: "h:1" }],
      ["v2", { host: "h", port: "1" }],
    ] as const) {
      const list = (await send("GET", items(name)))["items"] as readonly Unstructured[];
      expect(list.map((item) => item.apiVersion)).toEqual([`example.com/${name}`, `example.com/${name}`]);
      expect(list[1]).toMatchObject(expected);
    }
  });

  test("converts for admission that knows the other version, and back", async () => {
    const admission = "/apis/admissionregistration.k8s.io/v1";
    const rule = { apiGroups: ["example.com"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["hosts"] };
    const matchConstraints = { resourceRules: [rule] };
    const metadata = { name: "p" };
    const validations = [{ expression: "object.hostPort != 'bad:1'", message: "a bad one" }];
    const jsonPatch = { expression: `[JSONPatch{op: "replace", path: "/hostPort", value: object.hostPort + "0"}]` };
    const mutations = [{ patchType: "JSONPatch", jsonPatch }];
    const policy = { metadata, spec: { matchConstraints, validations } };
    await send("POST", `${admission}/validatingadmissionpolicies`, policy);
    const bound = { metadata, spec: { policyName: "p", validationActions: ["Deny"] } };
    await send("POST", `${admission}/validatingadmissionpolicybindings`, bound);
    const bad = send("POST", items("v2"), host("v2", "x", { host: "bad", port: "1" }));
    await expect(bad).rejects.toThrow(/a bad one/);
    const changing = { metadata, spec: { matchConstraints, mutations, reinvocationPolicy: "Never" } };
    await send("POST", `${admission}/mutatingadmissionpolicies`, changing);
    await send("POST", `${admission}/mutatingadmissionpolicybindings`, { metadata, spec: { policyName: "p" } });
    const made = await send("POST", items("v2"), host("v2", "x", { host: "good", port: "1" }));
    expect(made).toMatchObject({ apiVersion: "example.com/v2", host: "good", port: "10" });
    expect(await send("GET", `${items("v1")}/x`)).toMatchObject({ hostPort: "good:10" });
  });

  test("converts what watchers see", async () => {
    const headers = {};
    const path = `${items("v2")}?watch=true`;
    await send("POST", items("v1"), host("v1", "x", { hostPort: "a:1" }));
    const { body } = await cluster.transport.request({ method: "GET", path, headers });
    const events = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const next = async () => JSON.parse(Buffer.from((await events.next()).value as Uint8Array).toString()) as object;
    expect(await next()).toMatchObject({ type: "ADDED", object: { host: "a", port: "1" } });
    await send("PATCH", `${items("v1")}/x`, { hostPort: "b:2" });
    expect(await next()).toMatchObject({ type: "MODIFIED", object: { host: "b", port: "2" } });
    await events.return?.();
  });

  test.each([
    [{ uid: "other", result: { status: "Success" } }, /failed: expected response\.uid=".*", got "other"/],
    [{ result: { status: "Failure", message: "no idea" } }, /failed: no idea/],
    [{ result: { status: "Success" }, convertedObjects: [] }, /returned 0 objects, expected 1/],
    [
      { result: { status: "Success" }, convertedObjects: [{ apiVersion: "example.com/v3", kind: "Host" }] },
      /invalid groupVersion \(expected example\.com\/v2, received example\.com\/v3\)/,
    ],
    [{ result: { status: "Success" }, convertedObjects: [host("v2", "z", {})] }, /must have the same name: x != z/],
  ])("answers with an error where the answer is %j", async (response, message) => {
    await send("POST", items("v1"), host("v1", "x", { hostPort: "a:1" }));
    reply = ({ request }) => ({ uid: request.uid, ...response });
    const error = (await send("GET", `${items("v2")}/x`).catch((caught: unknown) => caught)) as ApiError;
    expect(error.status.code).toBe(500);
    expect(error.message).toMatch(/^conversion webhook for example\.com\/v1, Kind=Host /);
    expect(error.message).toMatch(message);
  });
});

test("a definition whose schema has a number that JavaScript cannot hold is established, served and described", async () => {
  const size = { type: "integer", format: "int64", default: "@" };
  const body = JSON.stringify(definition([version("v1", { size }, true)])).replace('"@"', "9007199254740993");
  const headers = { "content-type": "application/json" };
  await cluster.transport.request({ method: "POST", path: CRDS, headers, body: Buffer.from(body) });
  await cluster.clock.advance(1000);
  const { status } = await send("GET", `${CRDS}/hosts.example.com`);
  expect(status).toMatchObject({
    conditions: expect.arrayContaining([expect.objectContaining({ type: "Established", status: "True" })]),
  });
  const { body: made } = await cluster.transport.request({
    method: "POST",
    path: items("v1"),
    headers,
    body: Buffer.from(JSON.stringify(host("v1", "a", {}))),
  });
  expect(Buffer.from(made as Uint8Array).toString()).toContain('"size":9007199254740993');
  const path = "/openapi/v3/apis/example.com/v1";
  const { body: document } = await cluster.transport.request({ method: "GET", path, headers: {} });
  expect(Buffer.from(document as Uint8Array).includes('"default":9007199254740993')).toBe(true);
  expect((await cluster.transport.request({ method: "GET", path: "/openapi/v2", headers: {} })).status).toBe(200);
});
