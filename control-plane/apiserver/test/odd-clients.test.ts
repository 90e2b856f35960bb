import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
});
afterAll(() => server.close());

/** What the server writes on a connection of HTTP/1.1 until it closes it. */
function conversation(...pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const socket = connect({ ...admin.connection, ALPNProtocols: ["http/1.1"], servername: "" } as object);
    socket.once("error", reject).once("end", () => resolve(said));
    socket.on("data", (data: Buffer) => {
      said += data.toString();
    });
    for (const piece of pieces) socket.write(piece);
  });
}

const DEFAULT = "/api/v1/namespaces/default";

describe("what is asked for by HEAD", () => {
  test.each([
    ["/healthz", 200],
    ["/version", 405],
    [DEFAULT, 405],
    [`${DEFAULT}/secrets/none`, 405],
    ["/openapi/v2", 200],
  ])("%s has the length of what GET or it would be answered", async (path, code) => {
    const length = async (method: string, version: "send" | "sendPlain") => {
      const answer = await admin[version](method, path);
      return [answer.code, Number(answer.headers["content-length"]), answer.body.length];
    };
    const like = code === 405 ? "OPTIONS" : "GET";
    const [, expected] = await length(like, "send");
    expect(expected).toBeGreaterThan(0);
    expect(await length("HEAD", "send")).toEqual([code, expected, 0]);
    expect(await length("HEAD", "sendPlain")).toEqual([code, expected, 0]);
  });
});

test.each([
  [`${DEFAULT}/`, 200],
  ["/api/v1/names%70aces/default", 200],
  ["/api/v1/namespaces%2Fdefault", 200],
  [`${DEFAULT}%2F`, 200],
  ["/.well-known/openid-configuration/", 200],
  ["/openid/v1/jwks/", 200],
  ["/healthz/", 404],
  [`/${DEFAULT}`, 404],
  [`/%2F${DEFAULT.slice(1)}`, 404],
  [`/api/${DEFAULT.slice(4)}`, 404],
  ["/api/v1/namespaces/defa%2Fult", 404],
  ["/api/v1/namespaces/a%20b", 404],
  ["/apis//", 404],
  ["/apis//v1/pods", 404],
  ["/api/v1/namespaces/default/namespaces", 404],
  ["/api/v1/namespaces/default/namespaces/default", 404],
  ["/api/v1/namespaces//nodes", 404],
  ["/api/v1/namespaces//", 200],
  ["/api/v1/watch/secrets/a", 404],
  ["/api/v1/watch/componentstatuses", 404],
  [`${DEFAULT.replace("/namespaces", "/watch/namespaces")}/services/a/proxy`, 404],
  [`${DEFAULT}/configmaps/kube-root-ca.crt//data`, 404],
])("%s is answered with %d", async (path, code) => {
  expect((await admin.get(path)).code).toBe(code);
});

test("a slash that is written as %2F parts a path, too: nobody reaches by it what he may not", async () => {
  const { object } = await admin.get("/api/v1/namespaces/defa%2Fult");
  expect(object.message).toBe("the server could not find the requested resource");
  const nobody = await server.clientOf("nobody");
  expect((await nobody.get("/api/v1/namespaces/default%2Fsecrets")).object.message).toMatch(
    /cannot list resource "secrets" in API group "" in the namespace "default"/,
  );
});

test("the index names what there is, each path that it names is there", async () => {
  const paths = (await admin.get("/")).object["paths"] as readonly string[];
  const wanted = ["/.well-known/openid-configuration", "/api/v1", "/apis/", "/apis/apps/v1", "/livez/ping", "/metrics"];
  expect(paths).toEqual(expect.arrayContaining([...wanted, "/readyz/etcd", "/version"]));
  expect(paths).toEqual(paths.toSorted());
  const whole = paths.filter((path) => path !== "/openapi/v3/"); // what begins so
  const codes = await Promise.all(whole.map(async (path) => [path, (await admin.get(path)).code]));
  const isThere = new Set([200, 406]); // kube-apiserver has pages that are no JSON
  expect(codes.filter(([, code]) => !isThere.has(code as number))).toEqual([]);
});

test("names are quoted as Go quotes them", async () => {
  const { object } = await admin.get('/api/v1/namespaces/a%00"b');
  expect(object.message).toBe('namespaces "a\\x00\\"b" not found');
});

test("what is no escape in a path is refused", async () => {
  const answer = await admin.sendPlain("GET", "/api/v1/namespaces/%zz");
  expect([answer.code, answer.body.toString()]).toEqual([400, "400 Bad Request"]);
});

test("requests that are sent before others are answered are answered in their order, and the last may end the connection", async () => {
  const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nhost: a\r\n${more}\r\n`;
  const said = await conversation(get(DEFAULT) + get("/version"), get("/healthz", "connection: close\r\n"));
  expect(said.match(/HTTP\/1\.1 200 OK|"kind": ?"Namespace"|"major"|ok$/g)).toEqual([
    ...["HTTP/1.1 200 OK", expect.stringContaining("Namespace"), "HTTP/1.1 200 OK", '"major"'],
    ...["HTTP/1.1 200 OK", "ok"],
  ]);
});

test("HTTP/1.0 is spoken with who begins with it", async () => {
  expect(await conversation("GET /healthz HTTP/1.0\r\n\r\n")).toMatch(/^HTTP\/1\.[01] 200 OK\r\n(?:.+\r\n)+\r\nok$/);
});

test("bodies come in pieces, or after the server said that it waits for them", async () => {
  const body = JSON.stringify({ metadata: { name: "pieces" } });
  const head = `POST /api/v1/namespaces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n`;
  const pieces = [...body].map((letter) => `1\r\n${letter}\r\n`);
  const chunked = await conversation(
    `${head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n`,
    ...pieces,
    "0\r\n\r\n",
  );
  expect(chunked).toMatch(/^HTTP\/1\.1 201 Created/);
  const again = `${head}expect: 100-continue\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
  expect(await conversation(again)).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 409 Conflict/);
});

test("of parameters that come twice the first counts", async () => {
  const { object } = await admin.get("/api/v1/namespaces?limit=1&limit=2");
  expect(object.items).toHaveLength(1);
});

test("who may not is told so in upstream's words, and nothing of what he made up is markup", async () => {
  const who = `User "&lt;b&gt;\\"x\\"&amp;" cannot`;
  for (const [path, message] of [
    ["/api/v1/namespaces/default", `${who} get resource "namespaces" in API group "" in the namespace "default"`],
    ["/api/v1/namespaces", `${who} list resource "namespaces" in API group "" at the cluster scope`],
    ["/logs/<i>", `${who} get path "/logs/&lt;i&gt;"`],
  ] as const) {
    const { code, object } = await admin.get(path, { "impersonate-user": '<b>"x"&' });
    expect([code, object.message?.slice(object.message.indexOf("User "))]).toEqual([403, message]);
  }
});

test.each([
  ["GET", "configmaps/.", 400, `Name parameter invalid: ".": may not be '.'`],
  ["DELETE", "configmaps/a%252Fb", 400, `Name parameter invalid: "a%2Fb": may not contain '%'`],
  ["POST", "configmaps/a%25", 405, "the server does not allow this method on the requested resource"],
  ["GET", "services/nope%2Fproxy", 503, 'no endpoints available for service "nope"'],
  ["GET", "services/nope/proxy", 503, 'no endpoints available for service "nope"'],
  ["POST", "pods/p/proxy/x?dryRun=All", 400, "dryRun is not supported"],
  ["GET", "pods/p/exec?dryRun=All", 400, "dryRun is not supported"],
  ["DELETE", "pods/p/exec", 405, "the server does not allow this method on the requested resource"],
])("%s %s is %d %s", async (method, path, code, message) => {
  const answer = await admin.send(method, `${DEFAULT}/${path}`, method === "POST" ? {} : undefined);
  expect([answer.code, answer.object.message]).toEqual([code, message]);
});

test.each([
  ["namespaces/default/configmaps/a", 405, "MethodNotAllowed"],
  ["configmaps", 405, "MethodNotAllowed"],
  ["namespaces/default/pods/a/status", 404, "NotFound"],
  ["namespaces/default/nope", 404, "NotFound"],
])("nothing but reading goes by the old paths of watches: %s is %d", async (path, code, reason) => {
  const answer = await admin.send("DELETE", `/api/v1/watch/${path}`);
  expect([answer.code, answer.object.reason]).toEqual([code, reason]);
});

test.each(["/api/v1/watch", "/apis/apps/v1/watch/?a=<&", "/api/v1/proxy"])(
  "%s is of nothing, and 500",
  async (path) => {
    const { code, headers, body } = await (await server.clientOf("nobody")).get(path);
    const shown = path.replace("<&", "&lt;&amp;");
    expect([code, headers["cache-control"], body.toString()]).toEqual([
      500,
      undefined,
      `Internal Server Error: "${shown}": failed to create RequestInfo: unable to determine kind and namespace from url, ${shown}\n`,
    ]);
  },
);

test.each([
  ["POST", "configmaps", 422, /^ConfigMap "n" is invalid: metadata\.namespace: Required value$/],
  ["POST", "pods", 403, /^pods "n" is forbidden: error looking up service account \/default/],
  ["POST", "configmaps/a", 405, /does not allow this method/],
  ["GET", "configmaps/a", 400, /^Namespace parameter required\.$/],
  ["PUT", "pods/a/status", 400, /^Namespace parameter required\.$/],
  ["DELETE", "deployments/a/scale", 404, /could not find/],
])("%s of %s in a namespace without a name is %d", async (method, path, code, message) => {
  const object = method === "POST" || method === "PUT" ? { metadata: { name: "n", namespace: "other" } } : undefined;
  const answer = await admin.send(method, `/api/v1/namespaces//${path}`, object);
  expect([answer.code, answer.object.message]).toEqual([code, expect.stringMatching(message)]);
});

test.each([
  ["GET", "../pods", '"/pods/.."'],
  ["GET", "%2e/configmaps/a", '"/configmaps/./a"'],
  ["DELETE", "../configmaps", '"/configmaps/.."'],
  ["PUT", "../configmaps/a", '"/configmaps/../a"'],
  ["PATCH", "./pods/a/status", '"/pods/./a"'],
])("%s of namespaces/%s is of no key", async (method, path, key) => {
  const body = method === "PUT" || method === "PATCH" ? { metadata: { name: "a" } } : undefined;
  const answer = await admin.send(method, `/api/v1/namespaces/${path}`, body);
  expect([answer.code, answer.object.message]).toEqual([500, `invalid key: ${key}`]);
});

test("nothing is made in a namespace of dots", async () => {
  const { code, object } = await admin.send("POST", "/api/v1/namespaces/../configmaps", { metadata: { name: "a" } });
  const message = `Internal error occurred: invalid resource name "..": [may not be '..']`;
  expect([code, object.message]).toEqual([500, message]);
});

test("a pod without a name yet is refused by what its name is to begin with", async () => {
  const refused = async (metadata: object): Promise<unknown> => {
    const pod = { metadata, spec: { priorityClassName: "none", containers: [{ name: "c", image: "i" }] } };
    return (await admin.send("POST", `${DEFAULT}/pods`, pod)).object.message;
  };
  expect(await refused({ generateName: "web-" })).toMatch(/^pods "web-" is forbidden: /);
  expect(await refused({})).toMatch(/^pods "Unknown" is forbidden: /);
});
