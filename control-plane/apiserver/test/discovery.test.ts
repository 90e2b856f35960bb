import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const SOON = { timeout: 30_000 };
const DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** Asked for with an "@", which Go's parser of media types does not take in what it gets. */
const protobufOf = (version: number, separator = "."): string =>
  `application/com.github.proto-openapi.spec.v${version}${separator}v1.0+protobuf`;

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
});
afterAll(() => server.close());

const definition = (plural: string, kind: string, group = "discovery.example.com"): Held => ({
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: "Namespaced",
    names: { plural, kind, shortNames: [plural.slice(0, 2)], categories: ["all"] },
    versions: ["v1", "v1beta1"].map((name) => ({
      ...{ name, served: true, storage: name === "v1" },
      schema: {
        openAPIV3Schema: {
          type: "object",
          properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
        },
      },
      subresources: { status: {} },
    })),
  },
});

interface Group {
  readonly metadata: { readonly name: string };
  readonly versions: readonly {
    readonly version: string;
    readonly freshness: string;
    readonly resources: readonly { readonly resource: string }[];
  }[];
}

describe("aggregated discovery", () => {
  const groups = async (): Promise<readonly Group[]> =>
    (await admin.get("/apis", { accept: AGGREGATED })).object.items as unknown as readonly Group[];

  test.each([
    AGGREGATED,
    // client-go's
    `application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json`,
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer,application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json",
  ])("is told for %s, and says so", async (accept) => {
    for (const path of ["/api", "/apis"]) {
      const { code, object, headers } = await admin.get(path, { accept });
      expect([code, object.kind, object.apiVersion]).toEqual([200, "APIGroupDiscoveryList", "apidiscovery.k8s.io/v2"]);
      expect(String(headers["content-type"])).toMatch(
        /^application\/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList/,
      );
    }
  });

  test("has an ETag that brings 304 until something is defined, and then all versions of it at once", async () => {
    const before = await admin.get("/apis", { accept: AGGREGATED });
    const etag = String(before.headers["etag"]);
    const same = await admin.get("/apis", { accept: AGGREGATED, "if-none-match": etag });
    expect([same.code, same.body.length]).toEqual([304, 0]);
    await admin.define(definition("gadgets", "Gadget"));
    await expect
      .poll(async () => (await groups()).find(({ metadata }) => metadata.name === "discovery.example.com"))
      .toMatchObject({
        versions: ["v1", "v1beta1"].map((version) => ({
          ...{ version, freshness: "Current" },
          resources: [
            {
              ...{
                resource: "gadgets",
                scope: "Namespaced",
                singularResource: "gadget",
                shortNames: ["ga"],
                categories: ["all"],
              },
              responseKind: { group: "discovery.example.com", version, kind: "Gadget" },
              subresources: [{ subresource: "status", verbs: ["get", "patch", "update"] }],
            },
          ],
        })),
      });
    const after = await admin.get("/apis", { accept: AGGREGATED, "if-none-match": etag });
    expect([after.code, after.headers["etag"] === etag]).toEqual([200, false]);
    expect((await admin.send("DELETE", `${DEFINITIONS}/gadgets.discovery.example.com`)).code).toBe(200);
    await expect
      .poll(async () => (await groups()).some(({ metadata }) => metadata.name === "discovery.example.com"))
      .toBe(false);
    expect((await admin.get("/apis/discovery.example.com/v1/gadgets")).code).toBe(404);
  });
});

test("discovery of old shows the same, group by group", async () => {
  const { object } = await admin.get("/apis", { accept: "application/json" });
  expect([object.kind, object.apiVersion]).toEqual(["APIGroupList", "v1"]);
  const groups = object["groups"] as readonly {
    name: string;
    versions: readonly { groupVersion: string; version: string }[];
    preferredVersion: { groupVersion: string };
  }[];
  for (const { name, versions, preferredVersion } of groups) {
    expect(versions.map(({ groupVersion }) => groupVersion)).toContain(preferredVersion.groupVersion);
    expect((await admin.get(`/apis/${name}`)).object).toMatchObject({ kind: "APIGroup", name, preferredVersion });
    for (const { groupVersion, version } of versions) {
      expect(groupVersion).toBe(`${name}/${version}`);
      const list = (await admin.get(`/apis/${groupVersion}`)).object;
      expect(list).toMatchObject({ kind: "APIResourceList", groupVersion });
      for (const resource of list["resources"] as readonly { name: string; kind: string; verbs: readonly string[] }[])
        expect([resource.name !== "", resource.kind !== "", resource.verbs.length > 0]).toEqual([true, true, true]);
    }
  }
  expect((await admin.get("/api")).object).toMatchObject({ kind: "APIVersions", versions: ["v1"] });
  expect((await admin.get("/api/v1")).object).toMatchObject({ kind: "APIResourceList", groupVersion: "v1" });
});

test("groups that are defined come by their names: of two resources with one short name, clients take the first", async () => {
  const defined = ["z-early.example.com", "a-late.example.com"];
  await admin.define(definition("apples", "Apple", defined[0]));
  await admin.define(definition("zebras", "Zebra", defined[1]));
  const named = async (): Promise<readonly string[]> =>
    ((await admin.get("/apis")).object["groups"] as readonly { readonly name: string }[])
      .map(({ name }) => name)
      .filter((name) => defined.includes(name));
  await expect.poll(named).toEqual(defined.toReversed());
});

test("a resource has the hash of the version in which upstream stores it, whatever version is asked", async () => {
  const hashes = async (path: string): Promise<object> => {
    const { resources } = (await admin.get(path)).object as unknown as {
      readonly resources: readonly { readonly name: string; readonly storageVersionHash?: string }[];
    };
    return Object.fromEntries(resources.map(({ name, storageVersionHash }) => [name, storageVersionHash]));
  };
  expect(await hashes("/api/v1")).toMatchObject({ events: "r2yiGXH7wu8=" });
  expect(await hashes("/apis/events.k8s.io/v1")).toMatchObject({ events: "r2yiGXH7wu8=" });
  expect(await hashes("/apis/autoscaling/v1")).toMatchObject({ horizontalpodautoscalers: "qwQve8ut294=" });
  expect(await hashes("/apis/apiextensions.k8s.io/v1")).toMatchObject({ customresourcedefinitions: "jfWCUB31mvA=" });
});

test("the keys of tokens come in one line, and as nothing else", async () => {
  const { code, body } = await admin.get("/openid/v1/jwks", { accept: "*/*" });
  expect([code, body.toString().split("\n").length]).toEqual([200, 1]);
  expect((await admin.get("/openid/v1/jwks", { accept: "application/json" })).code).toBe(406);
});

describe("OpenAPI v3", () => {
  const paths = async (): Promise<Readonly<Record<string, { serverRelativeURL: string }>>> =>
    (await admin.get("/openapi/v3")).object["paths"] as Readonly<Record<string, { serverRelativeURL: string }>>;

  test("lists each group's document under its hash, which may be cached for ever", async () => {
    const url = (await paths())["apis/apps/v1"]?.serverRelativeURL ?? "";
    expect(url).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
    const { code, headers, object } = await admin.get(url);
    expect([code, object["openapi"]]).toEqual([200, "3.0.0"]);
    expect(headers["etag"]).toBe(`"${url.split("=")[1]}"`);
    expect(headers["cache-control"]).toBe("public, immutable");
    expect(Date.parse(String(headers["expires"])) - Date.now()).toBeGreaterThan(300 * 24 * 3600_000);
    expect(headers["vary"]).toMatch(/Accept/);
    const same = await admin.get(url, { "if-none-match": String(headers["etag"]) });
    expect([same.code, same.body.length]).toEqual([304, 0]);
  });

  test("leads from an old hash to the present one", async () => {
    const { code, headers } = await admin.get(`/openapi/v3/apis/apps/v1?hash=${"0".repeat(128)}`);
    expect([code, headers["location"]]).toEqual([301, (await paths())["apis/apps/v1"]?.serverRelativeURL]);
  });

  test("comes in protobuf, as client-go's openapi3 asks for it, under the same ETag", async () => {
    const { headers } = await admin.get("/openapi/v3/apis/apps/v1");
    for (const accept of [protobufOf(3, "@"), protobufOf(3)]) {
      const protobuf = await admin.get("/openapi/v3/apis/apps/v1", { accept });
      expect([protobuf.code, protobuf.headers["content-type"], protobuf.headers["etag"]]).toEqual([
        200,
        protobufOf(3),
        headers["etag"],
      ]);
      expect(protobuf.body.subarray(0, 7)).toEqual(Buffer.from("\n\x053.0.0"));
    }
    expect((await admin.get("/openapi/v3/apis/apps/v1", { accept: "text/html" })).code).toBe(406);
  });

  test("has what is defined as soon as it is served, under another hash when it changes", async () => {
    await admin.define(definition("widgets", "Widget"));
    await expect.poll(async () => (await paths())["apis/discovery.example.com/v1"], SOON).toBeDefined();
    const before = (await paths())["apis/discovery.example.com/v1"]?.serverRelativeURL ?? "";
    const schema = async (): Promise<string> =>
      JSON.stringify((await admin.get("/openapi/v3/apis/discovery.example.com/v1")).object["components"]);
    expect(await schema()).toContain('"size":{"type":"integer"}');
    await admin.send(
      "PATCH",
      `${DEFINITIONS}/widgets.discovery.example.com`,
      [
        {
          op: "add",
          path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/color",
          value: { type: "string" },
        },
      ],
      { "content-type": "application/json-patch+json" },
    );
    await expect.poll(schema).toContain('"color":{"type":"string"}');
    await expect
      .poll(async () => (await paths())["apis/discovery.example.com/v1"]?.serverRelativeURL, SOON)
      .not.toBe(before);
    await admin.send("DELETE", `${DEFINITIONS}/widgets.discovery.example.com`);
    await expect.poll(async () => (await paths())["apis/discovery.example.com/v1"], SOON).toBeUndefined();
  });
});

describe("OpenAPI v2", () => {
  test("comes in protobuf, as client-go asks, and in JSON with an ETag", async () => {
    const protobuf = await admin.get("/openapi/v2", { accept: protobufOf(2, "@") });
    expect([protobuf.code, protobuf.headers["content-type"]]).toEqual([200, protobufOf(2)]);
    expect(protobuf.body.subarray(0, 5)).toEqual(Buffer.from("\n\x032.0"));
    const { object, headers } = await admin.get("/openapi/v2", { accept: "application/json" });
    expect(object["swagger"]).toBe("2.0");
    const same = await admin.get("/openapi/v2", {
      accept: "application/json",
      "if-none-match": String(headers["etag"]),
    });
    expect([same.code, same.body.length]).toEqual([304, 0]);
  });

  test.each(["/openapi/v2", "/openapi/v3/api/v1"])("is 406 without a body for who takes neither: %s", async (path) => {
    const { code, headers, body } = await admin.get(path, { accept: "text/html" });
    expect([code, body.length, headers["vary"]]).toEqual([406, 0, expect.stringContaining("Accept")]);
  });

  test("follows definitions: it has what they define while it is served", async () => {
    const has = async (): Promise<boolean> => {
      const definitions = (await admin.get("/openapi/v2")).object["definitions"] as Readonly<Record<string, unknown>>;
      return "com.example.discovery.v1.Thing" in definitions;
    };
    expect(await has()).toBe(false);
    await admin.define(definition("things", "Thing"));
    await expect.poll(has, SOON).toBe(true);
    const unserved = [{ op: "replace", path: "/spec/versions/1/served", value: false }];
    const patched = await admin.send("PATCH", `${DEFINITIONS}/things.discovery.example.com`, unserved, {
      "content-type": "application/json-patch+json",
    });
    expect(patched.code).toBe(200);
    await expect.poll(async () => (await admin.get("/apis/discovery.example.com/v1beta1/things")).code).toBe(404);
    await admin.send("DELETE", `${DEFINITIONS}/things.discovery.example.com`);
    await expect.poll(has, SOON).toBe(false);
  });
});

test("the version is numbers that clients compare", async () => {
  const { object } = await admin.get("/version");
  expect(object).toMatchObject({
    major: "1",
    minor: "37",
    gitVersion: expect.stringMatching(/^v1\.37\.\d/),
    platform: expect.stringMatching(/^linux\//),
  });
});

test("the keys of ServiceAccount tokens are told to who verifies them elsewhere", async () => {
  const configuration = (await admin.get("/.well-known/openid-configuration")).object;
  expect(configuration).toMatchObject({
    issuer: "https://kubernetes.default.svc.cluster.local",
    jwks_uri: expect.stringMatching(/\/openid\/v1\/jwks$/),
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["ES256"],
  });
  const keys = await admin.get("/openid/v1/jwks");
  expect(keys.headers["content-type"]).toBe("application/jwk-set+json");
  expect(JSON.parse(keys.body.toString())).toMatchObject({
    keys: [{ use: "sig", kty: "EC", alg: "ES256", crv: "P-256", kid: expect.any(String) }],
  });
});
