import { gunzipSync } from "node:zlib";
import {
  decodeEnvelope,
  decodeProtobuf,
  decodeWatchFrame,
  encodeProtobuf,
  isProtobuf,
  type ObjectSchema,
  schemaOfType,
  type Unstructured,
} from "@tsukube/api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Held, isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const PROTOBUF = "application/vnd.kubernetes.protobuf";
const IN = "/api/v1/namespaces/encodings";
const MAPS = `${IN}/configmaps`;
const WIDGETS = "/apis/encodings.example.com/v1/namespaces/encodings/widgets";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "encodings" } });
  await admin.define(definition());
  await admin.send("POST", WIDGETS, widget("w"));
  await admin.send("POST", MAPS, { metadata: { name: "plain", labels: { of: "plain" } }, data: { a: "1" } });
});
afterAll(() => server.close());

function definition(): Held {
  const openAPIV3Schema = {
    type: "object",
    properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
  };
  return {
    metadata: { name: "widgets.encodings.example.com" },
    spec: {
      group: "encodings.example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema },
          additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: ".spec.size" }],
        },
      ],
    },
  };
}

const widget = (name: string, size = 3): object => ({
  ...{ apiVersion: "encodings.example.com/v1", kind: "Widget" },
  metadata: { name },
  spec: { size },
});

const typeOf = (name: string): ObjectSchema => schemaOfType(name) as ObjectSchema;

function opened(body: Uint8Array, type: string): Unstructured {
  expect(isProtobuf(body), Buffer.from(body.subarray(0, 80)).toString()).toBe(true);
  return decodeProtobuf<Unstructured>(decodeEnvelope(body), typeOf(type));
}

describe("protobuf", () => {
  const accept = { accept: `${PROTOBUF},application/json` }; // what client-go says without a ContentType
  const sent = { ...accept, "content-type": PROTOBUF };
  const map = (name: string, data: object): Uint8Array =>
    encodeProtobuf({ metadata: { name }, data }, typeOf("core/v1.ConfigMap"), { apiVersion: "v1", kind: "ConfigMap" });

  test("carries every verb: create, get, list, update, patch, delete", async () => {
    const made = await admin.send("POST", MAPS, map("proto", { a: "1" }), sent);
    expect([made.code, made.headers["content-type"]]).toEqual([201, PROTOBUF]);
    expect(opened(made.body, "core/v1.ConfigMap")).toMatchObject({
      kind: "ConfigMap",
      apiVersion: "v1",
      data: { a: "1" },
    });
    const { body } = await admin.get(`${MAPS}/proto`, accept);
    expect(opened(body, "core/v1.ConfigMap").metadata?.name).toBe("proto");
    const list = opened((await admin.get(MAPS, accept)).body, "core/v1.ConfigMapList");
    expect([list.kind, list.apiVersion]).toEqual(["ConfigMapList", "v1"]);
    expect(list.metadata?.resourceVersion).toMatch(/^[1-9]\d*$/);
    const put = await admin.send("PUT", `${MAPS}/proto`, map("proto", { a: "2" }), sent);
    expect(opened(put.body, "core/v1.ConfigMap")).toMatchObject({ data: { a: "2" } });
    const type = { "content-type": "application/strategic-merge-patch+json" };
    const patched = await admin.send("PATCH", `${MAPS}/proto`, { data: { b: "3" } }, { ...accept, ...type });
    expect(opened(patched.body, "core/v1.ConfigMap")).toMatchObject({ data: { a: "2", b: "3" } });
    const options = encodeProtobuf({ preconditions: { uid: "another" } }, typeOf("meta/v1.DeleteOptions"), {
      apiVersion: "v1",
      kind: "DeleteOptions",
    });
    const refused = await admin.send("DELETE", `${MAPS}/proto`, options, sent);
    expect([refused.code, opened(refused.body, "meta/v1.Status")]).toMatchObject([409, { reason: "Conflict" }]);
    const gone = await admin.send("DELETE", `${MAPS}/proto`, undefined, accept);
    expect(opened(gone.body, "meta/v1.Status")).toMatchObject({ status: "Success", details: { name: "proto" } });
  });

  test.each([
    '{"f:metadata":{}}{"trailing":"data"}',
    '{"f:metadata":{"f:finalizers":{"v:\\"a/b\\" {\\"x\\":1}":{}}}}',
    '{"f:metadata":{"f:ownerReferences":{"k:{\\"uid\\":\\"a\\"} {}":{}}}}',
  ])("takes managed fields that cannot be read for none: %s", async (fields) => {
    const name = "unread";
    const entry = { manager: "m", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1" };
    const placeholder = { [`f:${"x".repeat(fields.length - 9)}`]: {} };
    const metadata = { name, managedFields: [{ ...entry, fieldsV1: placeholder }] };
    const kind = { apiVersion: "v1", kind: "ConfigMap" };
    const bytes = encodeProtobuf({ metadata, data: { a: "1" } }, typeOf("core/v1.ConfigMap"), kind);
    const text = JSON.stringify(placeholder);
    const body = Buffer.from(Buffer.from(bytes).toString("latin1").replace(text, fields), "latin1");
    const { code, object } = await admin.send("POST", MAPS, body, { "content-type": PROTOBUF });
    expect([code, object.metadata?.managedFields?.map(({ fieldsV1 }) => fieldsV1)]).toEqual([
      201,
      [{ "f:data": { ".": {}, "f:a": {} } }],
    ]);
    await admin.send("DELETE", `${MAPS}/${name}`);
  });

  test("is what e2e's Accept gets too, and what its errors come in", async () => {
    const { body, code } = await admin.get(`${MAPS}/absent`, { accept: `${PROTOBUF}, */*` });
    expect([code, opened(body, "meta/v1.Status")]).toMatchObject([
      404,
      { kind: "Status", apiVersion: "v1", reason: "NotFound", details: { name: "absent", kind: "configmaps" } },
    ]);
  });

  test("frames the events of a watch by their length, each object with an envelope of its own", async () => {
    const query = "?watch=1&labelSelector=of%3Dplain&timeoutSeconds=1";
    const { headers, body } = await admin.get(`${MAPS}${query}`, { accept: `${PROTOBUF};stream=watch` });
    expect(headers["content-type"]).toBe(`${PROTOBUF};stream=watch`);
    const { type, object } = decodeWatchFrame(body.subarray(4, 4 + body.readUInt32BE(0)));
    expect([type, opened(object, "core/v1.ConfigMap").metadata?.name]).toEqual(["ADDED", "plain"]);
    expect(body.length).toBe(4 + body.readUInt32BE(0));
  });

  test("is not for custom resources, but for their metadata and for what goes wrong with them", async () => {
    const only = await admin.get(`${WIDGETS}/w`, { accept: PROTOBUF });
    expect([only.code, opened(only.body, "meta/v1.Status")]).toMatchObject([406, { reason: "NotAcceptable" }]);
    const either = await admin.get(`${WIDGETS}/w`, accept);
    expect([either.code, either.headers["content-type"], either.object.kind]).toEqual([
      200,
      "application/json",
      "Widget",
    ]);
    const absent = await admin.get(`${WIDGETS}/absent`, accept);
    expect(opened(absent.body, "meta/v1.Status")).toMatchObject({ reason: "NotFound" });
  });

  // kube-apiserver v1.37.2 panics there
  test.skipIf(isPeer)("is refused as the body of a custom resource", async () => {
    const { code, object } = await admin.send("POST", WIDGETS, map("x", {}), { "content-type": PROTOBUF });
    expect([code, object.reason]).toEqual([415, "UnsupportedMediaType"]);
  });
});

const metadataOf = (list: boolean): string => {
  const as = `as=PartialObjectMetadata${list ? "List" : ""};g=meta.k8s.io;v=v1`;
  return `${PROTOBUF};${as},application/json;${as},application/json`;
};

describe.each(["configmaps", "custom resources"])("metadata alone of %s", (what) => {
  const [path, name] = what === "configmaps" ? [MAPS, "plain"] : [WIDGETS, "w"];

  test("comes in protobuf, as the metadata client asks for it", async () => {
    const one = opened(
      (await admin.get(`${path}/${name}`, { accept: metadataOf(false) })).body,
      "meta/v1.PartialObjectMetadata",
    );
    expect(one).toMatchObject({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: { name } });
    const all = opened((await admin.get(path, { accept: metadataOf(true) })).body, "meta/v1.PartialObjectMetadataList");
    expect(all.kind).toBe("PartialObjectMetadataList");
    expect((all["items"] as readonly Unstructured[]).map(({ metadata }) => metadata?.name)).toContain(name);
    const watched = `${path}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3D${name}`;
    const { body, headers } = await admin.get(watched, { accept: metadataOf(false) });
    expect(headers["content-type"]).toBe(`${PROTOBUF};stream=watch`);
    const { type, object } = decodeWatchFrame(body.subarray(4, 4 + body.readUInt32BE(0)));
    expect([type, opened(object, "meta/v1.PartialObjectMetadata")]).toMatchObject(["ADDED", { metadata: { name } }]);
  });

  test("comes in JSON and YAML, without spec and data", async () => {
    const as = "as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    const { object } = await admin.get(`${path}/${name}`, { accept: `application/json;${as}` });
    expect(Object.keys(object).sort()).toEqual(["apiVersion", "kind", "metadata"]);
    const list = await admin.get(path, { accept: `application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1` });
    expect(list.object).toMatchObject({ kind: "PartialObjectMetadataList", metadata: { resourceVersion: /^\d+$/ } });
    const yaml = await admin.get(`${path}/${name}`, { accept: `application/yaml;${as}` });
    expect(yaml.body.toString()).toMatch(/^apiVersion: meta.k8s.io\/v1\nkind: PartialObjectMetadata\n/);
    const watched = await admin.watch(`${path}?watch=1&fieldSelector=metadata.name%3D${name}`, {
      accept: `application/json;${as}`,
    });
    expect(await watched.next()).toMatchObject({
      type: "ADDED",
      object: { kind: "PartialObjectMetadata", metadata: { name } },
    });
    watched.close();
  });
});

describe("a table", () => {
  const accept = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" }; // kubectl's
  interface Row {
    readonly cells: readonly unknown[];
    readonly object: {
      readonly kind?: string;
      readonly metadata?: { readonly name?: string };
      readonly data?: object;
    } | null;
  }
  const rows = (table: Held): readonly Row[] => table["rows"] as readonly Row[];

  test("shows a list, one object, and custom resources by their columns", async () => {
    const { object } = await admin.get(`${MAPS}?labelSelector=of%3Dplain`, accept);
    expect(object).toMatchObject({
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      metadata: { resourceVersion: /^\d+$/ },
    });
    const columns = (table: Held) =>
      (table["columnDefinitions"] as readonly { name: string }[]).map(({ name }) => name);
    expect([columns(object), rows(object)[0]?.cells.slice(0, 2)]).toEqual([
      ["Name", "Data", "Age"],
      ["plain", 1],
    ]);
    const one = (await admin.get(`${MAPS}/plain`, accept)).object;
    expect([one.kind, rows(one).length]).toEqual(["Table", 1]);
    const custom = (await admin.get(WIDGETS, accept)).object;
    expect([columns(custom), rows(custom)[0]?.cells]).toEqual([
      ["Name", "Size"],
      ["w", 3],
    ]);
  });

  test.each([
    ["", { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: { name: "plain" } }],
    ["&includeObject=Metadata", { kind: "PartialObjectMetadata", metadata: { name: "plain" } }],
    ["&includeObject=Object", { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "plain" }, data: { a: "1" } }],
    ["&includeObject=None", null],
  ])("brings with each row what includeObject says: %j", async (query, expected) => {
    const { object } = await admin.get(`${MAPS}?labelSelector=of%3Dplain${query}`, accept);
    if (expected === null) expect(rows(object)[0]?.object).toBeNull();
    else expect(rows(object)[0]?.object).toMatchObject(expected);
  });

  test("shows of a custom resource without columns its name and age", async () => {
    const { metadata, spec } = definition() as Held & { readonly spec: Held };
    const names = { plural: "plains", kind: "Plain" };
    const [version] = spec["versions"] as readonly Held[];
    const { additionalPrinterColumns: _columns, ...bare } = version!;
    const name = (metadata?.name ?? "").replace("widgets", names.plural);
    await admin.define({ metadata: { name }, spec: { ...spec, names, versions: [bare] } });
    const table = (await admin.get(WIDGETS.replace("widgets", "plains"), accept)).object;
    expect(table["columnDefinitions"]).toMatchObject([
      { name: "Name", type: "string", format: "name", priority: 0 },
      { name: "Age", type: "date", format: "", priority: 0 },
    ]);
  });

  test("refuses another includeObject", async () => {
    const { code, object } = await admin.get(`${MAPS}?includeObject=All`, accept);
    expect([code, object.reason, object.message]).toEqual([
      400,
      "BadRequest",
      `Unable to convert to Table as requested: includeObject: Invalid value: "All": must be 'Metadata', 'Object', 'None', or empty`,
    ]);
  });

  test("has its columns in the first event of a watch", async () => {
    const watch = await admin.watch(`${MAPS}?watch=1&labelSelector=of%3Dtables`, accept);
    for (const name of ["t1", "t2"]) await admin.send("POST", MAPS, { metadata: { name, labels: { of: "tables" } } });
    const [first, second] = await watch.take(2);
    watch.close();
    expect([first, second]).toMatchObject([
      {
        type: "ADDED",
        object: {
          kind: "Table",
          columnDefinitions: [{ name: "Name" }, {}, {}],
          rows: [{ cells: ["t1", 0, expect.anything()] }],
        },
      },
      { type: "ADDED", object: { kind: "Table", rows: [{ cells: ["t2", 0, expect.anything()] }] } },
    ]);
    expect(second?.object["columnDefinitions"]).toBeNull();
  });

  test("is 406 where there is none, unless something else will do", async () => {
    const reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const body = { spec: { resourceAttributes: { verb: "get", resource: "pods" } } };
    const only = await admin.send("POST", reviews, body, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
    expect([only.code, only.object.reason]).toEqual([406, "NotAcceptable"]);
    expect((await admin.send("POST", reviews, body, accept)).object.kind).toBe("SelfSubjectAccessReview");
    const protobuf = await admin.get(MAPS, { accept: `${PROTOBUF};as=Table;v=v1;g=meta.k8s.io` });
    expect(protobuf.code).toBe(406);
  });
});

describe("a media type", () => {
  test("that is not known is 415 in a body and 406 in Accept, each with a Status", async () => {
    const posted = await admin.send("POST", MAPS, "<a/>", { "content-type": "text/xml" });
    expect([posted.code, posted.object]).toMatchObject([415, { kind: "Status", reason: "UnsupportedMediaType" }]);
    const asked = await admin.get(MAPS, { accept: "text/xml" });
    expect([asked.code, asked.object]).toMatchObject([406, { kind: "Status", reason: "NotAcceptable" }]);
    const patched = await admin.send("PATCH", `${MAPS}/plain`, "{}", { "content-type": "application/json" });
    expect([patched.code, patched.object.reason]).toEqual([415, "UnsupportedMediaType"]);
    const strategic = { "content-type": "application/strategic-merge-patch+json" };
    const custom = await admin.send("PATCH", `${WIDGETS}/w`, "{}", strategic);
    expect([custom.code, custom.object.reason]).toEqual([415, "UnsupportedMediaType"]);
  });

  test.each([
    ["POST", MAPS, { "content-type": "application/cbor" }, 415],
    ["GET", MAPS, { accept: "application/cbor" }, 406],
    ["GET", MAPS, { accept: "application/cbor,application/json" }, 200], // what client-go falls back to
    ["PATCH", `${MAPS}/plain?fieldManager=m`, { "content-type": "application/apply-patch+cbor" }, 415],
  ] as const)("that is CBOR is refused, so that clients take another: %s %s with %j is %i", async (...sent) => {
    const [method, path, headers, code] = sent;
    const answer = await admin.send(method, path, method === "GET" ? undefined : Buffer.of(0xa0), headers);
    expect([answer.code, answer.headers["content-type"]]).toEqual([code, "application/json"]);
  });

  test.each([MAPS, WIDGETS])("YAML is taken and given: %s", async (path) => {
    const type = { "content-type": "application/yaml", accept: "application/yaml" };
    const head =
      path === MAPS ? "apiVersion: v1\nkind: ConfigMap" : "apiVersion: encodings.example.com/v1\nkind: Widget";
    const { code, headers, body } = await admin.send("POST", path, `${head}\nmetadata:\n  name: from-yaml\n`, type);
    expect([code, headers["content-type"]]).toEqual([201, "application/yaml"]);
    expect(body.toString()).toMatch(/^apiVersion: .*\nkind: .*\nmetadata:\n(.*\n)* {2}name: from-yaml\n/);
  });
});

describe("a list in JSON", () => {
  test("names the kind of its items where they are custom, and always has items and a revision", async () => {
    const plain = (await admin.get(`${MAPS}?labelSelector=of%3Dplain`)).object;
    expect(plain.items?.map(({ kind, apiVersion }) => [kind, apiVersion])).toEqual([[undefined, undefined]]);
    const custom = (await admin.get(`${WIDGETS}?fieldSelector=metadata.name%3Dw`)).object;
    expect(custom.items).toMatchObject([{ kind: "Widget", apiVersion: "encodings.example.com/v1" }]);
    for (const path of [MAPS, WIDGETS]) {
      const empty = await admin.get(`${path}?labelSelector=of%3Dnothing`);
      expect(empty.body.toString()).toMatch(/"items":\[\]/);
      expect(empty.object.metadata?.resourceVersion).toMatch(/^[1-9]\d*$/);
    }
  });

  test("of objects that stand for nothing stored says no null creationTimestamp", async () => {
    const review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    const { body } = await admin.send("POST", review, { spec: { nonResourceAttributes: { path: "/", verb: "get" } } });
    expect(body.toString()).not.toContain("creationTimestamp");
    const statefulSet = {
      metadata: { name: "s" },
      spec: {
        selector: { matchLabels: { a: "b" } },
        template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      },
    };
    const made = await admin.send("POST", "/apis/apps/v1/namespaces/encodings/statefulsets", statefulSet);
    expect([made.code, made.body.includes("null")]).toEqual([201, false]);
  });
});

describe("compression", () => {
  const gzip = { "accept-encoding": "gzip" };
  const large = { metadata: { name: "large" }, data: { a: "x".repeat(200_000) } };

  test("is for large answers of who takes it", async () => {
    const made = await admin.send("POST", MAPS, large, gzip);
    expect([made.code, made.headers["content-encoding"]]).toEqual([201, "gzip"]);
    const small = await admin.get(`${MAPS}/plain`, gzip);
    expect([small.code, small.headers["content-encoding"]]).toEqual([200, undefined]);
    for (const path of [`${MAPS}/large`, MAPS]) {
      const { headers, body } = await admin.get(path, gzip);
      expect([headers["content-encoding"], headers["vary"]]).toEqual(["gzip", "Accept-Encoding"]);
      expect(gunzipSync(body).length).toBeGreaterThan(200_000);
      expect((await admin.get(path)).headers["content-encoding"]).toBeUndefined();
      expect((await admin.get(path, { "accept-encoding": "br, deflate" })).headers["content-encoding"]).toBeUndefined();
    }
  });

  test.each([
    [128 * 1024, undefined],
    [128 * 1024 + 1, "gzip"],
  ])("of %i bytes is %s", async (bytes, encoding) => {
    const path = `${MAPS}/of-${bytes}`;
    const length = async (): Promise<number> => (await admin.get(path)).body.length;
    let text = "x".repeat(100_000);
    await admin.send("POST", MAPS, { metadata: { name: `of-${bytes}` }, data: { text } });
    while ((await length()) !== bytes) {
      text = "x".repeat(text.length + bytes - (await length())); // the revision may get a digit more
      await admin.send("PATCH", path, { data: { text } });
    }
    expect((await admin.get(path, gzip)).headers["content-encoding"]).toBe(encoding);
  });

  test("of a watch is for those that begin with the state, and what comes can be read at once", async () => {
    const begin = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const path = `${MAPS}?watch=1&labelSelector=of%3Dpacked`;
    const plain = await admin.watch(path, gzip);
    const packed = await admin.watch(`${path}&${begin}`, gzip);
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(packed.headers).toMatchObject({ "content-encoding": "gzip", "content-type": "application/json" });
    expect((await packed.next())?.object.metadata?.annotations).toEqual({ "k8s.io/initial-events-end": "true" });
    for (const name of ["packed-1", "packed-2"]) {
      await admin.send("POST", MAPS, { ...large, metadata: { name, labels: { of: "packed" } } });
      expect(await packed.change()).toMatchObject({ type: "ADDED", object: { metadata: { name }, data: large.data } });
    }
    packed.close();
    plain.close();
    const again = await admin.watch(`${path}&${begin}`, gzip);
    expect((await again.take(3)).map(({ type }) => type)).toEqual(["ADDED", "ADDED", "BOOKMARK"]);
    again.close();
  });
});

test.each([
  ["/api/v1/configmaps?watch=1", "application/json;q=0.5,application/yaml", 406],
  ["/api/v1/namespaces/default/finalize", "text/html", 405],
  ["/api/v1//pods", "*/*", 404],
])("%s for %s is %i", async (path, accept, code) => {
  const answer = await admin.get(path, { accept });
  expect([answer.code, answer.body.toString()]).toEqual([code, expect.stringContaining("Status")]);
});
