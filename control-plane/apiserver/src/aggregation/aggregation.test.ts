import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import type { Unstructured } from "@tsukube/api";
import type { APIServiceStatus } from "@tsukube/api/types/apiregistration-v1";
import { type ApiResponse, createHttpTransport } from "@tsukube/client";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import {
  createHttpsServer,
  createMetrics,
  type Exchange,
  realClock,
  systemRandom,
  type UpgradeRequest,
  verified,
} from "@tsukube/host";
import {
  type CertificateAuthority,
  createAuthorityKeys,
  createSigningKey,
  openAuthority,
} from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { User } from "../contracts.ts";
import { type ApiServer, startApiServer } from "../server.ts";

const lifetime = new Lifetime();
afterAll(() => lifetime.close());

const ADMIN: User = { name: "admin", groups: ["system:masters", "system:authenticated"], extra: {} };
const ALICE: User = { name: "alice", uid: "u1", groups: ["dev", "system:authenticated"], extra: { "x/team": ["red"] } };
const TRUSTED = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
const API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices";

/** Requests that the extension server got: "METHOD PATH". */
const seen: string[] = [];
let server: ApiServer;
let authority: CertificateAuthority;
let ownCa: string;
let frontCa: string;
let caBundle: string;
let port: number;

/** Two servers in real time: the API server, and an extension that believes whoever has the front proxy's certificate. */
beforeAll(async () => {
  const front = await createAuthorityKeys("front-proxy-ca", realClock, systemRandom);
  frontCa = front.cert;
  const frontProxy = await (await openAuthority(front, realClock, systemRandom)).issue({
    commonName: "front-proxy-client",
    usages: ["client"],
  });
  const ca = await createAuthorityKeys("extension", realClock, systemRandom);
  const own = await createAuthorityKeys("ca", realClock, systemRandom);
  ownCa = own.cert;
  authority = await openAuthority(own, realClock, systemRandom);
  caBundle = Buffer.from(ca.cert).toString("base64");
  const serving = await (await openAuthority(ca, realClock, systemRandom)).issue({
    commonName: "extension",
    sans: ["extension.default.svc"],
    usages: ["server"],
  });
  const extension = createHttpsServer({ ...serving, clientCa: front.cert, handle: answer, upgrade: answerUpgrade });
  lifetime.own("extension", extension);
  port = await extension.listen("127.0.0.1", 0);
  const store = new MemoryStore({ clock: realClock });
  server = await startApiServer({
    openStore: async () => store,
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    frontProxy: { ...frontProxy, ca: front.cert },
    tls: { ...(await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] })), clientCa: ownCa },
  });
  lifetime.own("server", server);
});

/** More than the API server takes for itself. */
const LARGE = Buffer.alloc(5_000_000, "x");

const RESOURCES = [
  { name: "flavours", singularName: "flavour", namespaced: true, kind: "Flavour", verbs: ["get", "list"] },
];

function answer(exchange: Exchange): void {
  const { method, path, headers: asked } = exchange;
  seen.push(`${method} ${path}`);
  if (path.endsWith("/size")) {
    void exchange
      .body(2 * LARGE.length)
      .then(({ length }) =>
        exchange.send(200, {}, Buffer.from(`${length} ${asked["content-length"]} ${asked["transfer-encoding"]}`)),
      );
    return;
  }
  const [status, object] = answerOf(exchange);
  const moved = status === 302 ? { location: "https://elsewhere.example.com/" } : {};
  const headers = { "content-type": "application/json", "set-cookie": ["a=1; Path=/", "b=2"], ...moved };
  exchange.send(status, headers, Buffer.from(JSON.stringify(object)));
}

/** What was accepted where the server was asked whether it is there. */
const accepted: unknown[] = [];

function answerOf({ path, headers, peer }: Exchange): readonly [number, object] {
  if (verified(peer)?.commonName !== "front-proxy-client") return [401, { message: "no front proxy" }];
  if (path === "/apis/taste.example.com/v1") accepted.push(headers["accept"]);
  if (path === "/apis/taste.example.com/v1")
    return [
      200,
      {
        kind: "APIResourceList",
        apiVersion: "v1",
        groupVersion: "taste.example.com/v1",
        resources: RESOURCES,
      },
    ];
  if (path === "/openapi/v2") {
    const paths = { "/apis/taste.example.com/v1/flavours": { get: {} } };
    return [200, { swagger: "2.0", paths, definitions: { "com.example.Flavour": { type: "object" } } }];
  }
  if (path.endsWith("/moved")) return [302, {}];
  if (path === "/openapi/v3") {
    const names = ["apis/taste.example.com", "apis/taste.example.com/v1", "api/v1"];
    const paths = names.map((name) => [name, { serverRelativeURL: `/openapi/v3/${name}?hash=1` }]);
    return [200, { paths: Object.fromEntries(paths) }];
  }
  if (path === "/openapi/v3/apis/taste.example.com/v1?hash=1") return [200, { openapi: "3.0.0" }];
  if (path === "/openapi/v3/apis/taste.example.com") return [200, { openapi: "3.0.1" }];
  if (path.startsWith("/apis/taste.example.com/v1/"))
    return [
      200,
      {
        kind: "Flavour",
        who: headers["x-remote-user"],
        uid: headers["x-remote-uid"],
        groups: headers["x-remote-group"],
        team: headers["x-remote-extra-x%2fteam"],
        authorization: headers["authorization"],
        asked: headers["x-forwarded-for"],
        audited: headers["audit-id"],
        path,
      },
    ];
  return [404, {}];
}

/** Says who it believes asks, and echoes; what is "closed" is not upgraded. */
function answerUpgrade({ path, headers, peer, socket }: UpgradeRequest): void {
  socket.on("error", () => {});
  if (path.endsWith("/closed")) {
    socket.write("HTTP/1.1 409 Conflict\r\ncontent-length: 6\r\n\r\nclosed");
    return;
  }
  const { "x-remote-user": user, "x-remote-group": groups, authorization, "impersonate-user": acting } = headers;
  const asked = headers["x-forwarded-for"];
  const told = JSON.stringify({ path, peer: verified(peer)?.commonName, user, groups, authorization, acting, asked });
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${headers["upgrade"]}\r\n\r\n${told}\n`,
  );
  socket.pipe(socket);
}

async function ask(method: string, path: string, body?: object, user = ADMIN, headers: Record<string, string> = {}) {
  const response = await server.transport(user).request({
    method,
    path,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: Buffer.from(JSON.stringify(body)) }),
  });
  const text = await textOf(response);
  return { code: response.status, text, object: text.startsWith("{") ? (JSON.parse(text) as Unstructured) : {} };
}

async function textOf({ body }: ApiResponse): Promise<string> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString();
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** Waits until the Available condition has this reason. */
async function available(name: string, reason: string): Promise<void> {
  const found = async (): Promise<string | undefined> => {
    const { object } = await ask("GET", `${API_SERVICES}/${name}`);
    const { conditions = [] } = (object["status"] ?? {}) as APIServiceStatus;
    return conditions.find(({ type }) => type === "Available")?.reason;
  };
  await expect.poll(found).toBe(reason);
}

async function register(version: string, service: object): Promise<void> {
  const spec = {
    group: "taste.example.com",
    version,
    service,
    caBundle,
    groupPriorityMinimum: 2000,
    versionPriority: 10,
  };
  const { code } = await ask("POST", API_SERVICES, { metadata: { name: `${version}.taste.example.com` }, spec });
  expect(code).toBe(201);
}

test("extension servers learn from a ConfigMap whom to believe", async () => {
  const { object } = await ask("GET", TRUSTED);
  expect(object["data"]).toEqual({
    "client-ca-file": ownCa,
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-client-ca-file": frontCa,
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-uid-headers": '["X-Remote-Uid"]',
    "requestheader-username-headers": '["X-Remote-User"]',
  });
});

test("whom they may believe is written again when somebody changes it; what other servers add stays, but for certificates out of date", async () => {
  const { object } = await ask("GET", TRUSTED);
  const past = { ...realClock, now: () => Date.parse("1990-01-01T00:00:00Z") };
  const [other, old] = await Promise.all(
    [realClock, past].map(async (clock) => (await createAuthorityKeys("another", clock, systemRandom)).cert),
  );
  const data = { "client-ca-file": `${other}${old}`, "requestheader-allowed-names": '["another"]', other: "x" };
  await ask("PUT", TRUSTED, { ...object, data: { ...data, "requestheader-group-headers": "broken" } });
  const trusted = async () => (await ask("GET", TRUSTED)).object["data"];
  await expect.poll(trusted).toEqual({
    ...(object["data"] as object),
    "client-ca-file": `${other}${ownCa}`,
    "requestheader-allowed-names": '["another","front-proxy-client"]',
  });
  await ask("DELETE", TRUSTED);
  await expect.poll(trusted).toEqual(object["data"]);
});

test("an APIService without its Service is not available, and its group answers 503", async () => {
  await register("v1", { name: "extension", namespace: "default", port });
  await available("v1.taste.example.com", "ServiceNotFound");
  const { code, text } = await ask("GET", "/apis/taste.example.com/v1/flavours");
  expect([code, text]).toEqual([503, "service unavailable\n"]);
});

test("once the Service leads to a server that answers, requests go there with who asks in headers", async () => {
  const spec = { type: "ExternalName", externalName: "localhost" };
  await ask("POST", "/api/v1/namespaces/default/services", { metadata: { name: "extension" }, spec });
  await available("v1.taste.example.com", "Passed");
  const binding = {
    metadata: { name: "dev" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
    subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "dev" }],
  };
  await ask("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding);
  const path = "/apis/taste.example.com/v1/namespaces/default/flavours/sour?limit=1";
  const own = { "audit-id": "audited", "x-forwarded-for": "192.0.2.7" };
  const forged = { authorization: "Bearer secret", "x-remote-user": "root", ...own };
  const { code, object } = await ask("GET", path, undefined, ALICE, forged);
  expect([code, object]).toEqual([
    200,
    {
      ...{ kind: "Flavour", who: "alice", uid: "u1", groups: "dev, system:authenticated", team: "red", path },
      ...{ asked: "192.0.2.7", audited: "audited" },
    },
  ]);
});

test("a server is there whatever form its discovery has", () => {
  expect(accepted).toContain(undefined);
});

test("of its answers cookies stay several, and nobody is led elsewhere", async () => {
  const path = "/apis/taste.example.com/v1/flavours";
  const { headers } = await server.transport(ADMIN).request({ method: "GET", path: `${path}/sour`, headers: {} });
  expect(headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2"]);
  const { code, text } = await ask("GET", `${path}/moved`);
  expect([code, text]).toEqual([502, "the backend attempted to redirect this request, which is not permitted"]);
});

test("bodies go there however large they are, and however their length is told", async () => {
  const port = await server.listen("127.0.0.1", 0);
  const pair = await authority.issue({ commonName: "root", organizations: ["system:masters"], usages: ["client"] });
  const path = "/apis/taste.example.com/v1/namespaces/default/flavours/sour/size";
  const options = { host: "127.0.0.1", port, path, ca: ownCa, ...pair, agent: false };
  const send = (method: string, headers: Record<string, string | number>, body: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = httpsRequest(
        { ...options, method, headers },
        (response) => void text(response).then(resolve, reject),
      );
      sent.on("error", reject).end(body);
    });
  const { length } = LARGE;
  expect(await send("POST", { "content-length": length }, LARGE)).toBe(`${length} ${length} undefined`);
  expect(await send("DELETE", { "transfer-encoding": "chunked" }, LARGE)).toBe(`${length} undefined chunked`);
  expect(await send("DELETE", {}, Buffer.alloc(0))).toMatch(/^0 /);
  const transport = createHttpTransport(
    { server: `https://127.0.0.1:${port}`, ca: ownCa, clientCertificate: pair },
    realClock,
  );
  lifetime.own("transport", transport);
  const { status, body } = await transport.request({ method: "PUT", path, headers: {}, body: LARGE });
  expect([status, await textOf({ body } as ApiResponse)]).toEqual([200, expect.stringMatching(`^${length} `)]);
  expect(await ask("POST", path, { a: "x".repeat(length) })).toMatchObject({ code: 200 });
});

test("upgrades go there too, whatever protocol they ask for, and what is answered in their place comes back", async () => {
  const listening = await server.listen("127.0.0.1", 0);
  const pair = await authority.issue({ commonName: "root", organizations: ["system:masters"], usages: ["client"] });
  const connection = { connection: "Upgrade", upgrade: "SPDY/3.1", authorization: "Bearer secret" };
  const headers = { ...connection, "x-remote-user": "forged", "impersonate-user": "alice", "impersonate-group": "dev" };
  const upgrade = (name: string): Promise<readonly [IncomingMessage, Duplex | undefined]> =>
    new Promise((resolve, reject) => {
      const path = `/apis/taste.example.com/v1/namespaces/default/flavours/${name}`;
      const options = { host: "127.0.0.1", port: listening, method: "POST", path, ca: ownCa, ...pair, headers };
      const sent = httpsRequest({ ...options, agent: false }, (response) => resolve([response, undefined]));
      sent.on("upgrade", (response, socket, head) => {
        socket.unshift(head);
        resolve([response, socket]);
      });
      sent.on("error", reject).end();
    });
  const [response, socket] = await upgrade("sour/taste");
  expect([response.statusCode, response.headers["upgrade"]]).toEqual([101, "SPDY/3.1"]);
  let heard = "";
  socket!.on("data", (piece: Buffer) => {
    heard += piece.toString();
  });
  socket!.write("hello");
  await expect.poll(() => heard).toMatch(/hello$/);
  socket!.destroy();
  expect(JSON.parse(heard.split("\n")[0]!)).toEqual({
    path: "/apis/taste.example.com/v1/namespaces/default/flavours/sour/taste",
    peer: "front-proxy-client",
    user: "alice",
    groups: "dev, system:authenticated",
    asked: "127.0.0.1",
  });
  const [refused] = await upgrade("sour/closed");
  expect([refused.statusCode, String(Buffer.concat(await refused.toArray()))]).toEqual([409, "closed"]);
});

test("who may not is refused before the extension server hears of it", async () => {
  const before = seen.length;
  const { code } = await ask("GET", "/apis/taste.example.com/v1/flavours", undefined, { ...ALICE, groups: [] });
  expect([code, seen.length]).toEqual([403, before]);
});

test("discovery and OpenAPI show what the extension server has", async () => {
  const { object: groups } = await ask("GET", "/apis");
  expect(JSON.stringify(groups)).toContain(
    '"name":"taste.example.com","versions":[{"groupVersion":"taste.example.com/v1"',
  );
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  await expect
    .poll(async () => (await ask("GET", "/apis", undefined, ADMIN, { accept })).text)
    .toContain('"resource":"flavours"');
  expect((await ask("GET", "/apis/taste.example.com/v1")).object["resources"]).toEqual(RESOURCES);
  const { paths } = (await ask("GET", "/openapi/v3")).object as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  const url = paths["apis/taste.example.com/v1"]?.serverRelativeURL;
  expect(url).toBe("/openapi/v3/apis/taste.example.com/v1?hash=1");
  expect((await ask("GET", url!)).object).toEqual({ openapi: "3.0.0" });
  expect(paths).toHaveProperty(["apis/taste.example.com"]);
  expect((await ask("GET", "/openapi/v3/apis/taste.example.com")).object).toEqual({ openapi: "3.0.1" });
  expect(paths["api/v1"]?.serverRelativeURL).not.toContain("?hash=1");
  const { object: v2 } = await ask("GET", "/openapi/v2");
  expect(v2["paths"]).toHaveProperty(["/apis/taste.example.com/v1/flavours"]);
  expect(v2["definitions"]).toHaveProperty(["com.example.Flavour"]);
});

test("a server is asked again when its Service or the Service's endpoints change, not when others do", async () => {
  const changed = async (service: string): Promise<readonly string[]> => {
    const from = seen.length;
    const metadata = { name: `${service}-1`, labels: { "kubernetes.io/service-name": service } };
    const endpoints = [{ addresses: ["192.0.2.2"] }];
    const slice = { metadata, addressType: "IPv4", ports: [{ port: 1, name: "" }], endpoints };
    const { code } = await ask("POST", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", slice);
    expect(code).toBe(201);
    // what was asked before arrives before
    await ask("GET", "/apis/taste.example.com/v1/flavours/sweet");
    return seen.slice(from).filter((line) => line === "GET /apis/taste.example.com/v1");
  };
  const spec = { type: "ExternalName", externalName: "localhost" };
  const from = seen.length;
  await ask("POST", "/api/v1/namespaces/default/services", { metadata: { name: "other" }, spec });
  expect(await changed("other")).toEqual([]);
  expect(seen.slice(from)).toEqual(["GET /apis/taste.example.com/v1/flavours/sweet"]);
  expect(await changed("extension")).not.toEqual([]);
});

test("a server that is not trusted, or does not know the version, fails the discovery check", async () => {
  await register("v2", { name: "extension", namespace: "default", port });
  await available("v2.taste.example.com", "FailedDiscoveryCheck");
  const { object } = await ask("GET", `${API_SERVICES}/v2.taste.example.com`);
  expect(JSON.stringify(object["status"])).toContain("bad status from /apis/taste.example.com/v2: 404");
  await ask("DELETE", `${API_SERVICES}/v2.taste.example.com`);
});

test("when the Service goes, so does the group's availability", async () => {
  await ask("DELETE", "/api/v1/namespaces/default/services/extension");
  await available("v1.taste.example.com", "ServiceNotFound");
  expect((await ask("GET", "/apis/taste.example.com/v1/flavours")).code).toBe(503);
  await ask("DELETE", `${API_SERVICES}/v1.taste.example.com`);
  expect((await ask("GET", "/apis/taste.example.com/v1/flavours")).code).toBe(404);
  expect((await ask("GET", "/openapi/v2")).text).not.toContain("com.example.Flavour");
});

test("an APIService of our own groups is always available", async () => {
  await available("v1.apps", "Local");
});
