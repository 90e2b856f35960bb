import { once } from "node:events";
import { connect } from "node:http2";
import { request as httpsRequest } from "node:https";
import type { Status } from "@tsukube/api/types/meta-v1";
import { createHttpTransport, lines, type Transport } from "@tsukube/client";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import {
  type CertificateAuthority,
  createAuthorityKeys,
  createSigningKey,
  openAuthority,
} from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { type ApiServer, type ApiServerOptions, startApiServer } from "./server.ts";

const lifetime = new Lifetime();
let authority: CertificateAuthority;
let ca: string;
let port: number;
let admin: Transport;
const store = new MemoryStore({ clock: realClock });

/** A server on a port of its own, in real time. */
beforeAll(async () => {
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  ca = keys.cert;
  authority = await openAuthority(keys, realClock, systemRandom);
  const serving = await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] });
  const server = await serverWith({ openStore: async () => store, tls: { ...serving, clientCa: ca } });
  port = await server.listen("127.0.0.1", 0);
  admin = await clientOf("admin", ["system:masters"]);
  await send(admin, "POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
});
afterAll(() => lifetime.close());

async function serverWith(options: Partial<ApiServerOptions>): Promise<ApiServer> {
  const server = await startApiServer({
    openStore: async () => new MemoryStore({ clock: realClock }),
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    ...options,
  });
  return lifetime.own("server", server);
}

async function clientOf(commonName: string, organizations: readonly string[]): Promise<Transport> {
  const clientCertificate = await authority.issue({ commonName, organizations, usages: ["client"] });
  return own({ clientCertificate });
}

function own(more: object): Transport {
  const transport = createHttpTransport({ server: `https://127.0.0.1:${port}`, ca, ...more }, realClock);
  return lifetime.own("transport", transport);
}

/** Of a ServiceAccount in "shop", which is made. */
async function tokenOf(name: string): Promise<string> {
  const accounts = "/api/v1/namespaces/shop/serviceaccounts";
  await send(admin, "POST", accounts, { metadata: { name } });
  const { object } = await send(admin, "POST", `${accounts}/${name}/token`, {});
  return String((object["status"] as unknown as { token: string }).token);
}

interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Buffer;
  readonly object: Status & Readonly<Record<string, unknown>>;
}

async function send(
  transport: Transport,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { status, ...response } = await transport.request({
    method,
    path,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
  });
  const pieces: Uint8Array[] = [];
  const { body: stream } = response;
  for await (const piece of stream instanceof Uint8Array ? [stream] : stream) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  const object = whole[0] === 0x7b ? JSON.parse(whole.toString()) : {};
  return { code: status, headers: response.headers, body: whole, object };
}

const SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

describe("who asks", () => {
  test("is the subject of a client certificate", async () => {
    const { object } = await send(await clientOf("alice", ["dev", "ops"]), "POST", SELF, {});
    expect(object["status"]).toEqual({
      userInfo: {
        username: "alice",
        groups: ["dev", "ops", "system:authenticated"],
        extra: { "authentication.kubernetes.io/credential-id": [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)] },
      },
    });
  });

  test.each([
    [
      "GET",
      "/api/v1/nodes",
      'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group ""',
    ],
    ["GET", "/metrics", 'forbidden: User "system:anonymous" cannot get path "/metrics"'],
    ["GET", "/livez/ping", 'forbidden: User "system:anonymous" cannot get path "/livez/ping"'],
    ["POST", "/version", 'forbidden: User "system:anonymous" cannot post path "/version"'],
    ["GET", "/nothing", 'forbidden: User "system:anonymous" cannot get path "/nothing"'],
  ])(
    "is system:anonymous without credentials, whom rules tell health and version alone: %s %s is 403",
    async (method, path, message) => {
      const nobody = own({});
      for (const path of ["/healthz", "/livez", "/readyz", "/version", "/version/"])
        expect((await send(nobody, "GET", path)).code).toBe(200);
      const { code, object, headers } = await send(nobody, method, path);
      expect([code, object.reason, object.message]).toEqual([403, "Forbidden", expect.stringContaining(message)]);
      expect(headers["x-content-type-options"]).toBe("nosniff");
    },
  );

  test("is told to show credentials where requests without them are not let in, whatever the path", async () => {
    const closed = await serverWith({ anonymousAuth: false });
    for (const path of ["/healthz", "/version", "/api/v1/nodes"]) {
      const { code, object } = await send(closed.transport(undefined), "GET", path);
      expect([code, object.reason]).toEqual([401, "Unauthorized"]);
    }
  });

  test("is nobody whose certificate is of another authority, unless there is a token, too", async () => {
    const others = await openAuthority(
      await createAuthorityKeys("other", realClock, systemRandom),
      realClock,
      systemRandom,
    );
    const clientCertificate = await others.issue({
      commonName: "admin",
      organizations: ["system:masters"],
      usages: ["client"],
    });
    expect((await send(own({ clientCertificate }), "GET", "/healthz")).code).toBe(401);
    const token = await tokenOf("visitor");
    const { code, object } = await send(own({ clientCertificate, token: () => token }), "GET", "/api/v1/nodes");
    expect([code, object.message]).toEqual([403, expect.stringContaining('User "system:serviceaccount:shop:visitor"')]);
  });

  test("is anybody without credentials where rules let everybody in", async () => {
    const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-public";
    const [name, apiGroup, path] = [
      "open",
      "rbac.authorization.k8s.io",
      "/api/v1/namespaces/kube-public/configmaps/open",
    ];
    await send(admin, "POST", "/api/v1/namespaces", { metadata: { name: "kube-public" } });
    await send(admin, "POST", "/api/v1/namespaces/kube-public/configmaps", { metadata: { name } });
    const rules = [{ apiGroups: [""], resources: ["configmaps"], resourceNames: [name], verbs: ["get"] }];
    await send(admin, "POST", `${rbac}/roles`, { metadata: { name }, rules });
    const nobody = own({});
    expect((await send(nobody, "GET", path)).code).toBe(403);
    const [roleRef, subject] = [
      { apiGroup, kind: "Role", name },
      { apiGroup, kind: "Group", name: "system:unauthenticated" },
    ];
    await send(admin, "POST", `${rbac}/rolebindings`, { metadata: { name }, roleRef, subjects: [subject] });
    expect((await send(nobody, "GET", path)).code).toBe(200);
    expect((await send(nobody, "DELETE", path)).code).toBe(403);
    expect((await send(nobody, "GET", path, undefined, { "impersonate-user": "alice" })).code).toBe(403);
    expect((await send(own({ token: () => "nonsense" }), "GET", path)).code).toBe(401);
  });

  const SPACED = "the provided Authorization header contains extra space before the bearer token, and is ignored";
  test.each([
    ["Bearer nonsense", 401, undefined],
    ["bearer nonsense and more", 401, undefined],
    ["Bearer  nonsense", 200, `299 - "${SPACED}"`],
    ["Bearer ", 200, undefined],
    ["Basic bm9uc2Vuc2U=", 200, undefined],
  ])(
    "is not who a wrong token says, whatever the path, and nobody without one: %j",
    async (authorization, code, warning) => {
      const { headers, ...answer } = await send(own({}), "GET", "/version", undefined, { authorization });
      expect([answer.code, headers["warning"]]).toEqual([code, warning]);
    },
  );

  test("is the ServiceAccount of a token", async () => {
    const token = await tokenOf("robot");
    const review = await send(own({ token: () => token }), "POST", SELF, {});
    expect(review.object["status"]).toMatchObject({ userInfo: { username: "system:serviceaccount:shop:robot" } });
  });

  test("is whom a user who may impersonate names, and only then", async () => {
    const as = { "impersonate-user": "bob", "impersonate-group": "dev" };
    const { object } = await send(admin, "POST", SELF, {}, as);
    expect(object["status"]).toEqual({ userInfo: { username: "bob", groups: ["dev", "system:authenticated"] } });
    const refused = await send(await clientOf("alice", []), "POST", SELF, {}, as);
    expect([refused.code, refused.object.message]).toEqual([
      403,
      'selfsubjectreviews.authentication.k8s.io is forbidden: User "alice" cannot impersonate-on:user-info:create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
    ]);
  });
});

describe("an answer", () => {
  test("tells which request it belongs to, and is not to be cached", async () => {
    const { headers } = await send(admin, "GET", "/api/v1/namespaces/shop");
    expect(headers["audit-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers["cache-control"]).toBe("no-cache, private");
  });

  test("is compressed when it is large and the client takes it", async () => {
    const data = { a: "x".repeat(200_000) };
    await send(admin, "POST", "/api/v1/namespaces/shop/configmaps", { metadata: { name: "large" }, data });
    const path = "/api/v1/namespaces/shop/configmaps/large";
    const packed = await send(admin, "GET", path, undefined, { "accept-encoding": "gzip" });
    expect([packed.headers["content-encoding"], packed.body.length < 10_000]).toEqual(["gzip", true]);
    const plain = await send(admin, "GET", path);
    expect([plain.headers["content-encoding"], plain.body.length > 200_000]).toEqual([undefined, true]);
  });

  test("to a body over 3 MiB is 413", async () => {
    const body = { metadata: { name: "x" }, data: { a: "x".repeat(3 * 1024 * 1024) } };
    const { code, object } = await send(admin, "POST", "/api/v1/namespaces/shop/configmaps", body);
    expect([code, object.reason]).toEqual([413, "RequestEntityTooLarge"]);
  });

  test("about a revision that is not there yet comes after three seconds: try again", async () => {
    const path = "/api/v1/namespaces/shop/configmaps?resourceVersion=99999999";
    const { code, object, headers } = await send(admin, "GET", path);
    expect([code, object.reason, headers["retry-after"]]).toEqual([504, "Timeout", "1"]);
    expect(object.details?.causes).toEqual([
      { reason: "ResourceVersionTooLarge", message: "Too large resource version" },
    ]);
  });
});

/** Asks over HTTP/1.1 for an upgrade; resolves to the status code of the refusal. */
async function upgrade(path: string, headers: Readonly<Record<string, string>>): Promise<number> {
  const pair = await authority.issue({ commonName: "alice", organizations: [], usages: ["client"] });
  const options = { host: "127.0.0.1", port, path, method: "GET", ca, ...pair, headers, agent: false };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("upgrade", (_response, socket) => {
      socket.destroy();
      resolve(101);
    });
    sent.on("error", reject).end();
  });
}

describe("a body that is still to come", () => {
  const MAPS = "/api/v1/namespaces/shop/configmaps";
  const credentials = async (name: string, groups: readonly string[]) =>
    authority.issue({ commonName: name, organizations: groups, usages: ["client"] });

  test.each([
    ["nobody", MAPS, 403],
    ["nobody", "/healthz", 403],
    ["alice", MAPS, 403],
    ["admin", "/healthz", 200],
    ["admin", "/version", 405],
  ])("is not waited for from %s who posts to %s, over either version of HTTP", async (name, path, code) => {
    const pair = name === "nobody" ? {} : await credentials(name, name === "admin" ? ["system:masters"] : []);
    const session = connect(`https://127.0.0.1:${port}`, { ca, ...pair });
    const stream = session.request(
      { ":method": "POST", ":path": path, "content-length": 3_000_000 },
      { endStream: false },
    );
    stream.on("error", () => {});
    stream.write(Buffer.alloc(1000));
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    session.destroy();
    const head = { "content-length": 3_000_000 };
    const request = httpsRequest({
      host: "127.0.0.1",
      port,
      path,
      method: "POST",
      ca,
      headers: head,
      agent: false,
      ...pair,
    });
    request.on("error", () => {});
    request.write(Buffer.alloc(1000));
    const [plain] = (await once(request, "response")) as [{ statusCode: number }];
    request.destroy();
    expect([headers[":status"], plain.statusCode]).toEqual([code, code]);
  });

  test("is taken piece by piece from who may write", async () => {
    const pair = await credentials("admin", ["system:masters"]);
    const session = connect(`https://127.0.0.1:${port}`, { ca, ...pair });
    const [start, end] = [`{"metadata":{"name":"pieces"},"data":{"a":"`, `${"x".repeat(600_000)}"}}`];
    const json = { "content-type": "application/json" };
    const stream = session.request({ ":method": "POST", ":path": MAPS, ...json }, { endStream: false });
    stream.write(start);
    await send(admin, "GET", "/healthz"); // the server has seen the first piece
    stream.end(end);
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    session.destroy();
    const request = httpsRequest({
      host: "127.0.0.1",
      port,
      path: `${MAPS}/pieces`,
      method: "PUT",
      ca,
      headers: json,
      agent: false,
      ...pair,
    });
    request.write(start);
    await send(admin, "GET", "/healthz");
    request.end(end);
    const [plain] = (await once(request, "response")) as [{ statusCode: number }];
    request.destroy();
    expect([headers[":status"], plain.statusCode]).toEqual([201, 200]);
    expect((await send(admin, "GET", `${MAPS}/pieces`)).object["data"]).toEqual({ a: "x".repeat(600_000) });
  });
});

test("an upgrade is authorized like any request", async () => {
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.from("0123456789abcdef").toString("base64"),
    "sec-websocket-protocol": "v5.channel.k8s.io",
  };
  expect(await upgrade("/api/v1/namespaces/shop/pods/p/exec?command=ls", headers)).toBe(403);
});

test("a watch streams to a WebSocket, an event a message, and what cannot be watched is an answer without one", async () => {
  const pair = await authority.issue({ commonName: "admin", organizations: ["system:masters"], usages: ["client"] });
  const open = (query: string): WebSocket =>
    new WebSocket(`wss://127.0.0.1:${port}/api/v1/namespaces/shop/configmaps?watch=1${query}`, { ca, ...pair });
  const names: string[] = [];
  const client = open("&fieldSelector=metadata.name=seen");
  client.on("message", (data) => {
    const { type, object } = JSON.parse(String(data)) as { type: string; object: { metadata: { name: string } } };
    names.push(`${type} ${object.metadata.name}`);
  });
  await once(client, "open");
  await send(admin, "POST", "/api/v1/namespaces/shop/configmaps", { metadata: { name: "seen" } });
  await send(admin, "DELETE", "/api/v1/namespaces/shop/configmaps/seen");
  await expect.poll(() => names).toEqual(["ADDED seen", "DELETED seen"]);
  client.close();
  await once(client, "close");
  const refused = open("&fieldSelector=data.color=blue");
  const [error] = (await once(refused, "error")) as [Error];
  expect(error.message).toMatch(/Unexpected server response: 400/);
});

test("a watch of one object by its name begins with that object", async () => {
  const url = "/api/v1/namespaces/kube-system/configmaps";
  await send(admin, "POST", url, { metadata: { name: "watched" } });
  await send(admin, "POST", url, { metadata: { name: "watched-2" } });
  const begin = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  for (const how of [begin, "resourceVersion=0", ""]) {
    const query = `watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dwatched&${how}`;
    const { body } = await admin.request({ method: "GET", path: `${url}?${query}`, headers: {} });
    const names: string[] = [];
    for await (const line of lines(body)) {
      const { type, object } = JSON.parse(Buffer.from(line).toString());
      if (type === "ADDED") names.push(object.metadata.name);
    }
    expect(names).toEqual(["watched"]);
  }
});

describe("health", () => {
  test("names its checks, which may be excluded", async () => {
    const ready = (await send(admin, "GET", "/readyz?verbose&exclude=etcd&exclude=nothing")).body.toString();
    for (const line of [
      "[+]ping ok",
      "[+]informer-sync ok",
      "[+]poststarthook/crd-informer-synced ok",
      "[+]etcd excluded: ok",
    ])
      expect(ready.split("\n")).toContain(line);
    expect(ready).toMatch(/no matches for "nothing"\nreadyz check passed\n$/);
    const slis = (await send(admin, "GET", "/metrics/slis")).body.toString();
    expect(slis).toMatch(/^kubernetes_healthcheck\{name="ping",type="readyz"\} 1$/m);
    expect(slis).toMatch(/^kubernetes_healthchecks_total\{name="ping",type="readyz",status="success"\} \d+$/m);
    expect((await send(admin, "GET", "/livez/ping")).body.toString()).toBe("ok");
    expect((await send(admin, "GET", "/livez/informer-sync")).code).toBe(404);
  });
});

describe("the store's copy", () => {
  test("is for administrators, and not there where there is no file", async () => {
    expect((await send(await clientOf("alice", ["dev"]), "GET", "/tsukube/store")).object).toMatchObject({
      code: 403,
      message: expect.stringContaining('cannot get path "/tsukube/store"'),
    });
    expect((await send(admin, "GET", "/tsukube/store")).object).toMatchObject({ code: 404 });
    expect((await send(admin, "POST", "/tsukube/store", {})).object).toMatchObject({ code: 405 });
  });
});

describe("metrics", () => {
  test("count requests under upstream's names", async () => {
    await send(admin, "GET", "/api/v1/namespaces/default/pods?limit=5");
    const text = (await send(admin, "GET", "/metrics")).body.toString();
    const where = 'group="",version="v1",resource="pods",subresource="",scope="namespace",component="apiserver"';
    const lines = text.split("\n").filter((line) => line.includes('resource="pods"'));
    expect(lines.some((line) => line.startsWith("apiserver_request_total{") && line.includes('code="200"'))).toBe(true);
    expect(lines.join("\n")).toMatch(/apiserver_request_duration_seconds_count\{[^}]*verb="LIST"/);
    expect(lines.join("\n")).toMatch(/apiserver_response_sizes_bucket\{[^}]*le="\+Inf"/);
    const counted = lines.find((line) => line.startsWith('apiserver_request_total{verb="LIST"'));
    for (const label of where.split(",")) expect(counted).toContain(label);
  });
});

test("who renews a Lease may wait for others that write, who takes one over does not", async () => {
  const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  const lease = (holderIdentity: string): object => ({ metadata: { name: "l" }, spec: { holderIdentity } });
  const commits = vi.spyOn(store, "commit");
  const patience = async (method: string, at: string, body: object): Promise<number | undefined> => {
    await send(admin, method, at, body, method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {});
    const [mutation] = commits.mock.lastCall?.[0] ?? [];
    return mutation?.type === "put" ? mutation.patienceMs : undefined;
  };
  expect(await patience("POST", path, lease("a"))).toBeUndefined();
  const renewed = { spec: { renewTime: "2025-01-01T00:00:00.000000Z" } };
  expect(await patience("PATCH", `${path}/l`, renewed)).toBeGreaterThan(0);
  expect(await patience("PATCH", `${path}/l`, lease("b"))).toBe(0);
  commits.mockRestore();
});
