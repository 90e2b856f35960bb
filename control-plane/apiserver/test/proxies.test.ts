import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { Lifetime } from "@tsukube/foundation";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeKubelet, startKubelet } from "./kubelet.ts";
import { isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const IN = "/api/v1/namespaces/proxies";
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/proxies/endpointslices";

/** One of this machine's that is not its loopback, which kube-apiserver's proxy leads to. */
const ADDRESS =
  Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4")?.address ?? "127.0.0.1";

const lifetime = new Lifetime();
let server: WireServer;
let admin: WireClient;
let kubelet: FakeKubelet;
let port: number;
beforeAll(async () => {
  server = lifetime.own("server", await startWireServer({ isProxied: () => true }));
  admin = server.admin;
  kubelet = await startKubelet(server, "proxies-n", lifetime);
  const echo = createServer((request, response) => {
    const { method, url, headers } = request;
    if (url === "/digest") {
      const hash = createHash("sha256");
      request.on("data", (piece: Buffer) => hash.update(piece));
      return void request.on("end", () => response.end(hash.digest("hex")));
    }
    if (url === "/moved") return void response.writeHead(302, { location: "/elsewhere" }).end();
    const cookies = ["a=1; Path=/", "b=2"];
    if (url === "/teapot")
      return void response.writeHead(418, { "x-own": "yes", "set-cookie": cookies }).end("short and stout");
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () =>
      response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(pieces).toString() })),
    );
  });
  lifetime.add("echo", () => void echo.close());
  await once(echo.listen(0), "listening");
  port = (echo.address() as AddressInfo).port;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "proxies" } });
  await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
  const podIPs = [{ ip: ADDRESS }];
  for (const name of ["p", "other"]) {
    const ports = [{ containerPort: port }];
    await admin.send("POST", `${IN}/pods`, {
      metadata: { name },
      spec: { nodeName: "proxies-n", containers: [{ name: "c", image: "i", ports }] },
    });
  }
  await admin.send("PATCH", `${IN}/pods/p/status`, { status: { phase: "Running", podIP: ADDRESS, podIPs } });
  await admin.send("POST", `${IN}/services`, {
    metadata: { name: "s" },
    spec: { ports: [{ name: "web", port: 80, targetPort: port }] },
  });
  await admin.send("POST", `${IN}/services`, { metadata: { name: "unnamed" }, spec: { ports: [{ port: 81 }] } });
  const slice = (name: string, service: string, portName: string, target: object): object => ({
    metadata: { name, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    ports: [{ name: portName, port }],
    endpoints: [{ addresses: [ADDRESS], conditions: { ready: true }, ...target }],
  });
  const targetRef = { kind: "Pod", namespace: "proxies", name: "p" };
  await admin.send("POST", SLICES, slice("s-1", "s", "web", { targetRef }));
  await admin.send("POST", SLICES, slice("unnamed-1", "unnamed", "", { targetRef }));
  for (const [name, target] of [
    ["untold", {}],
    ["foreign", { targetRef: { ...targetRef, name: "other" } }],
  ] as const) {
    await admin.send("POST", `${IN}/services`, { metadata: { name }, spec: { ports: [{ name: "web", port: 80 }] } });
    await admin.send("POST", SLICES, slice(`${name}-1`, name, "web", target));
  }
});
afterAll(() => lifetime.close());

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

describe.each([
  ["a pod", () => "pods/p"],
  ["a pod's port", () => `pods/p:${port}`],
  ["a pod's port by its scheme", () => `pods/http:p:${port}`],
  ["a Service's port by name", () => "services/s:web"],
  ["a Service's port by number", () => "services/s:80"],
  ["a Service's port by scheme and name", () => "services/http:s:web"],
  ["the only port of a Service, which has no name", () => "services/unnamed"],
])("the proxy of %s", (_what, name) => {
  const at = (path: string): string => `${IN}/${name()}/proxy${path}`;

  test.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "passes %s on, with path, query, body and headers",
    async (method) => {
      const body = method === "GET" || method === "OPTIONS" ? undefined : Buffer.from("hello");
      const { code, object } = await admin.send(method, at("/a/b/?c=d&e=%2F&f&g=+"), body, {
        "x-own": "1",
        accept: "text/plain;version=0.0.4",
        "content-type": "text/plain",
      });
      const heard = object as unknown as Echo;
      expect([code, heard.method, heard.url, heard.body, heard.headers["x-own"], heard.headers["accept"]]).toEqual([
        200,
        method,
        "/a/b/?c=d&e=%2F&f&g=+",
        body === undefined ? "" : "hello",
        "1",
        "text/plain;version=0.0.4",
      ]);
      expect(heard.headers["authorization"]).toBeUndefined();
      expect([heard.headers["x-forwarded-uri"], heard.headers["x-forwarded-for"]]).toEqual([at("/a/b/"), "127.0.0.1"]);
    },
  );

  test("answers HEAD without a body, and what is not well as it is", async () => {
    const head = await admin.send("HEAD", at("/x"));
    expect([head.code, head.body.length]).toEqual([200, 0]);
    const teapot = await admin.get(at("/teapot"));
    expect([teapot.code, teapot.headers["x-own"], teapot.body.toString()]).toEqual([418, "yes", "short and stout"]);
    expect(teapot.headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2"]);
  });

  test("leads redirections through itself, and its own path to what is below it", async () => {
    const moved = await admin.get(at("/moved"));
    expect([moved.code, moved.headers["location"]]).toEqual([302, at("/elsewhere")]);
    const bare = await admin.get(at(""));
    expect([bare.code, bare.headers["location"]]).toEqual([301, at("/")]);
    expect(((await admin.get(at("/"))).object as unknown as Echo).url).toBe("/");
  });
});

describe("a proxy", () => {
  test.each([
    [`${IN}/pods/nobody/proxy/`, 404, 'pods "nobody" not found'],
    [`${IN}/services/nobody/proxy/`, 503, 'no endpoints available for service "nobody"'],
    [`${IN}/services/nobody:80/proxy/`, 404, 'services "nobody" not found'],
    [`${IN}/services/s:99/proxy/`, 503, 'no service port 99 found for service "s"'],
    [`${IN}/services/s:other/proxy/`, 503, 'no endpoints available for service "s"'],
    [`${IN}/services/s/proxy/`, 503, 'no endpoints available for service "s"'],
    [`${IN}/pods/other/proxy/`, 400, "address not allowed"],
    [`${IN}/pods/ftp:p:1/proxy/`, 400, 'invalid pod request "ftp:p:1"'],
    [`${IN}/services/a:b:c:d/proxy/`, 400, 'invalid service request "a:b:c:d"'],
  ])("to nowhere says so: %s", async (path, code, message) => {
    const answer = await admin.get(path);
    expect([answer.code, answer.object.message]).toEqual([code, message]);
  });

  test("passes bodies on however large they are", async () => {
    const body = Buffer.alloc(5_000_000, "0123456789");
    const digest = `${IN}/pods/p/proxy/digest`;
    const answers = [
      await admin.send("POST", digest, body),
      await admin.sendPlain("POST", digest, body),
      await admin.sendPlain("PUT", digest, body, { "transfer-encoding": "chunked" }),
    ];
    expect(answers.map((answer) => [answer.code, answer.body.toString()])).toEqual(
      answers.map(() => [200, createHash("sha256").update(body).digest("hex")]),
    );
  });

  test("to a port where nobody listens is 503", async () => {
    const { code, object } = await admin.get(`${IN}/pods/p:1/proxy/`);
    expect([code, object.reason, object.message]).toEqual([
      503,
      "ServiceUnavailable",
      expect.stringMatching(/^error trying to reach service: .*refused/i),
    ]);
  });

  test.each(["untold", "foreign"])("of a Service leads to its pods alone: %s", async (name) => {
    const { code, object } = await admin.get(`${IN}/services/${name}:web/proxy/`);
    expect([code, object.message]).toEqual([503, `no endpoints available for service "${name}"`]);
  });

  // the kubelet of the test is at a loopback address, where kube-apiserver's proxy does not go
  test.skipIf(isPeer)("of a node leads to its kubelet, or to another of its ports", async () => {
    kubelet.answer((exchange) =>
      exchange.send(200, { "content-type": "text/plain" }, Buffer.from(`kubelet ${exchange.path}`)),
    );
    expect((await admin.get("/api/v1/nodes/proxies-n/proxy/healthz?x=1")).body.toString()).toBe("kubelet /healthz?x=1");
    const { object } = await admin.get(`/api/v1/nodes/http:proxies-n:${port}/proxy/metrics`);
    expect((object as unknown as Echo).url).toBe("/metrics");
    expect((await admin.get("/api/v1/nodes/nobody/proxy/")).code).toBe(404);
    kubelet.answer(
      (exchange) =>
        void exchange.body(6_000_000).then(({ length }) => exchange.send(200, {}, Buffer.from(`${length}`))),
    );
    const large = await admin.send("POST", "/api/v1/nodes/proxies-n/proxy/run", Buffer.alloc(5_000_000));
    expect([large.code, large.body.toString()]).toEqual([200, "5000000"]);
  });
});

test.each(["127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::1", "fe80::1"])(
  "no proxy leads to %s",
  async (podIP) => {
    const other = isPeer ? server : lifetime.own("another server", await startWireServer());
    const pods = "/api/v1/namespaces/default/pods";
    await other.admin.send("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
    await other.admin.send("POST", pods, {
      metadata: { name: "p" },
      spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] },
    });
    await other.admin.send("PATCH", `${pods}/p/status`, {
      status: { phase: "Running", podIP, podIPs: [{ ip: podIP }] },
    });
    const { code, object } = await other.admin.get(`${pods}/p:${port}/proxy/`);
    expect([code, object.message]).toEqual([400, "address not allowed"]);
  },
);
