import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const MAPS = "/api/v1/namespaces/hostile/configmaps";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const [JSON_TYPE, YAML, PROTOBUF] = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"];
const DEPTH = 100_000;
const MIB = 1024 * 1024;

let server: WireServer;
let admin: WireClient;
let message: Buffer;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "hostile" } });
  await admin.send("POST", MAPS, { metadata: { name: "whole" }, data: { a: "b".repeat(100) } });
  message = (await admin.get(`${MAPS}/whole`, { accept: PROTOBUF })).body;
});
afterAll(() => server.close());

/** Others are served as if nothing was. */
async function expectServed(): Promise<void> {
  expect((await admin.get(`${MAPS}/whole`)).object["data"]).toEqual({ a: "b".repeat(100) });
}

const nested = (open: string, close: string): string => open.repeat(DEPTH) + close.repeat(DEPTH);
const map = (text: string): string => `{"metadata":{"name":"bad"},"data":${text}}`;

describe("a body that is cut off", () => {
  const JSON_BODY = Buffer.from(map('{"a":"b","c":"d"}'));
  const BODIES: readonly (readonly [type: string, body: () => Buffer])[] = [
    [JSON_TYPE, () => JSON_BODY],
    [PROTOBUF, () => message],
  ];

  test.each(BODIES)("anywhere is a bad request: %s", async (type, body) => {
    const bytes = body();
    const codes = new Set<number>();
    for (let length = 1; length < bytes.length - 1; length += Math.max(1, Math.floor(bytes.length / 40))) {
      const { code } = await admin.send("POST", `${MAPS}?dryRun=All`, bytes.subarray(0, length), {
        "content-type": type,
      });
      codes.add(code);
    }
    expect([...codes]).toEqual([400]);
    await expectServed();
  });
});

describe("a body that nests deeper than anybody writes", () => {
  const DEEP: readonly (readonly [method: string, type: string, body: string])[] = [
    ["POST", JSON_TYPE, map(nested("[", "]"))],
    ["POST", JSON_TYPE, `{"a":${nested('{"a":', "}").replace("}", "1}")}`],
    ["POST", YAML, `metadata: {name: bad}\ndata: ${nested("[", "]")}`],
    ["PATCH", "application/merge-patch+json", map(nested("[", "]"))],
    ["PATCH", "application/strategic-merge-patch+json", map(nested("[", "]"))],
    ["PATCH", "application/json-patch+json", `[{"op":"add","path":"/data","value":${nested("[", "]")}}]`],
    ["PATCH", "application/apply-patch+yaml", `apiVersion: v1\nkind: ConfigMap\ndata: ${nested("[", "]")}`],
  ];

  test.each(DEEP)("is refused: %s %s", async (method, type, body) => {
    const path = method === "POST" ? MAPS : `${MAPS}/whole?fieldManager=m`;
    const { code, object } = await admin.send(method, path, body, { "content-type": type });
    expect([code >= 400 && code < 500, object.kind, code]).toEqual([true, "Status", expect.any(Number)]);
    if (type === JSON_TYPE)
      expect(object.message).toMatch(/json parse error: invalid character '[[{]' exceeded max depth/);
    await expectServed();
  });
});

describe("a body that is too large", () => {
  const large = "x".repeat(3 * MIB);
  const LARGE: readonly (readonly [method: string, type: string, body: string])[] = [
    ["POST", JSON_TYPE, map(`{"a":"${large}"}`)],
    ["POST", YAML, `metadata: {name: bad}\ndata: {a: ${large}}`],
    ["POST", PROTOBUF, `${large}x`],
    ["PUT", JSON_TYPE, map(`{"a":"${large}"}`)],
    ["PATCH", "application/merge-patch+json", map(`{"a":"${large}"}`)],
    ["DELETE", JSON_TYPE, `{"kind":"DeleteOptions","x":"${large}"}`],
  ];

  test.each(LARGE)("is 413: %s %s", async (method, type, body) => {
    const path = method === "POST" ? MAPS : `${MAPS}/whole`;
    const { code, object } = await admin.send(method, path, body, { "content-type": type });
    expect([code, object.reason]).toEqual([413, "RequestEntityTooLarge"]);
    await expectServed();
  });
});

test("bytes that are no UTF-8 are what everybody shows for them, in JSON", async () => {
  const body = Buffer.concat([
    Buffer.from('{"metadata":{"name":"latin"},"data":{"a":"caf'),
    Buffer.of(0xe9),
    Buffer.from('"}}'),
  ]);
  expect((await admin.send("POST", MAPS, body)).code).toBe(201);
  expect((await admin.get(`${MAPS}/latin`)).object["data"]).toEqual({ a: "caf\ufffd" });
  const name = Buffer.concat([Buffer.from('{"metadata":{"name":"x'), Buffer.of(0xff), Buffer.from('"}}')]);
  expect((await admin.send("POST", MAPS, name)).code).toBe(422);
});

test("of keys that come twice the last one counts, and a warning says so", async () => {
  const { code, headers, object } = await admin.send("POST", `${MAPS}?dryRun=All`, map('{"a":"1","a":"2"}'));
  expect([code, headers["warning"], object["data"]]).toEqual([201, '299 - "duplicate field \\"data.a\\""', { a: "2" }]);
});

test("the core group may be written as the empty one, and no other", async () => {
  const send = (apiVersion: string): Promise<Answer> =>
    admin.send(
      "POST",
      `${MAPS}?dryRun=All`,
      `{"apiVersion":"${apiVersion}","kind":"ConfigMap","metadata":{"name":"of"}}`,
    );
  const { code, object } = await send("/v1");
  expect([code, object["apiVersion"]]).toEqual([201, "v1"]);
  expect((await send("/v2")).code).toBe(400);
  expect((await send("//v1")).code).toBe(400);
});

test("a schema without end is refused", async () => {
  const schema = `{"type":"object","properties":${'{"a":{"type":"object","properties":'.repeat(5000)}{}${"}}".repeat(5000)}}`;
  const definition = `{"metadata":{"name":"deeps.example.com"},"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"deeps","kind":"Deep"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":${schema}}}]}}`;
  const { code } = await admin.send("POST", `${CRDS}?dryRun=All`, definition);
  expect(code).toBeLessThan(500);
  await expectServed();
}, 60_000);
