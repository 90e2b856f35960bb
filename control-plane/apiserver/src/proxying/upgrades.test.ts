import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { connect } from "node:tls";
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
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parseAuditPolicy } from "../audit/policy.ts";
import type { User } from "../contracts.ts";
import { startApiServer } from "../server.ts";

const lifetime = new Lifetime();
afterAll(() => lifetime.close());

const ADMIN: User = { name: "admin", groups: ["system:masters", "system:authenticated"], extra: {} };
const PODS = "/api/v1/namespaces/shop/pods";

interface AuditEvent {
  readonly stage: string;
  readonly requestURI: string;
  readonly responseStatus?: { readonly code: number };
}

let authority: CertificateAuthority;
let ca: string;
let port: number;
let events: AuditEvent[] = [];
/** What the kubelet was asked for, and what else came over connections that it refused to upgrade. */
let asked: string[] = [];
let smuggled = "";
let heardMore = (): void => {};
beforeEach(() => {
  events = [];
  asked = [];
  smuggled = "";
});

/** An API server, a kubelet that echoes, and a server in a pod that does. */
beforeAll(async () => {
  const keys = await createAuthorityKeys("ca", realClock, systemRandom);
  ca = keys.cert;
  authority = await openAuthority(keys, realClock, systemRandom);
  const serving = await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] });
  const kubelet = createHttpsServer({ ...serving, clientCa: ca, handle: kubeletLog, upgrade: kubeletUpgrade });
  lifetime.own("kubelet", kubelet);
  const kubeletPort = await kubelet.listen("127.0.0.1", 0);
  const web = createServer();
  web.on("upgrade", (request, socket, head) => echo({ path: request.url ?? "", socket, head }));
  lifetime.add("web", () => void web.close());
  await once(web.listen(0, "127.0.0.1"), "listening");
  const store = new MemoryStore({ clock: realClock });
  const policy = parseAuditPolicy("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]");
  const backend = { log: (event: object) => void events.push(event as AuditEvent), close: async () => {} };
  const client = await authority.issue({ commonName: "kubelet-client", usages: ["client"] });
  const server = await startApiServer({
    openStore: async () => store,
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.160.0.0/16",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "127.0.0.1", port: 6443 },
    tls: { ...serving, clientCa: ca },
    kubelets: { ...client, ca },
    isProxied: () => true,
    audit: { policy, backends: [backend] },
  });
  lifetime.own("server", server);
  port = await server.listen("127.0.0.1", 0);
  const send = async (method: string, path: string, body: object): Promise<void> => {
    const headers = { "content-type": "application/json" };
    const { status } = await server
      .transport(ADMIN)
      .request({ method, path, headers, body: Buffer.from(JSON.stringify(body)) });
    expect(status, path).toBeLessThan(300);
  };
  await send("POST", "/api/v1/nodes", { metadata: { name: "n" } });
  const addresses = [{ type: "InternalIP", address: "127.0.0.1" }];
  const daemonEndpoints = { kubeletEndpoint: { Port: kubeletPort } };
  await send("PUT", "/api/v1/nodes/n/status", { metadata: { name: "n" }, status: { addresses, daemonEndpoints } });
  await send("POST", "/api/v1/namespaces", { metadata: { name: "shop" } });
  await send("POST", "/api/v1/namespaces/shop/serviceaccounts", { metadata: { name: "default" } });
  const ports = [{ name: "web", containerPort: (web.address() as AddressInfo).port }];
  const containers = [
    { name: "c", image: "i", ports },
    { name: "refusing", image: "i" },
  ];
  const pod = { metadata: { name: "p" }, spec: { nodeName: "n", containers } };
  await send("POST", PODS, pod);
  const podIPs = [{ ip: "127.0.0.1" }];
  await send("PUT", `${PODS}/p/status`, { ...pod, status: { phase: "Running", podIP: "127.0.0.1", podIPs } });
});

function kubeletLog(exchange: Exchange): void {
  asked.push(`${exchange.method} ${exchange.path}`);
  exchange.send(200, { "content-type": "text/plain" }, Buffer.from("a log"));
}

function kubeletUpgrade(request: UpgradeRequest): void {
  asked.push(`${verified(request.peer)?.commonName} ${request.method} ${request.path}`);
  if (!request.path.includes("/refusing?")) {
    echo(request);
    return;
  }
  request.socket.on("data", (piece: Buffer) => {
    smuggled += piece.toString();
    heardMore();
  });
  request.socket.write("HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\ncontent-type: text/plain\r\n\r\nnope\n");
}

function echo({ path, socket, head }: Pick<UpgradeRequest, "path" | "socket" | "head">): void {
  socket.on("error", () => {});
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n${path} `);
  socket.write(head);
  socket.pipe(socket);
}

interface Outcome {
  readonly code: number;
  /** The connection, when it was upgraded. */
  readonly socket?: Duplex;
  readonly text: string;
}

interface Asking {
  readonly method?: string;
  readonly groups?: readonly string[];
}

async function upgrade(path: string, asking: Asking = {}): Promise<Outcome> {
  const { method = "POST", groups = ["system:masters"] } = asking;
  const pair = await authority.issue({ commonName: "alice", organizations: groups, usages: ["client"] });
  const headers = { connection: "Upgrade", upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io" };
  const options = { host: "127.0.0.1", port, path, method, ca, ...pair, headers, agent: false };
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(options, async (response) => {
      const pieces: Buffer[] = [];
      for await (const piece of response) pieces.push(piece as Buffer);
      resolve({ code: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() });
    });
    sent.on("upgrade", (_response, socket, head) => resolve({ code: 101, socket, text: head.toString() }));
    sent.on("error", reject).end();
  });
}

/** Says something and hears what comes until it was said back; then leaves. */
async function conversation({ socket, text }: Outcome): Promise<string> {
  let heard = text;
  socket!.on("data", (piece: Buffer) => {
    heard += piece.toString();
  });
  socket!.write("hello");
  await expect.poll(() => heard).toMatch(/hello$/);
  socket!.destroy();
  return heard;
}

const stages = () => events.map(({ stage, responseStatus }) => [stage, responseStatus?.code]);

test("exec reaches the kubelet, and is written down when it comes, when it begins and when it ends", async () => {
  const joined = await upgrade(`${PODS}/p/exec?container=c&command=sh&stdin=true`);
  expect(stages()).toEqual([
    ["RequestReceived", undefined],
    ["ResponseStarted", 101],
  ]);
  expect(await conversation(joined)).toBe("/exec/shop/p/c?command=sh&input=1 hello");
  expect(asked).toEqual(["kubelet-client POST /exec/shop/p/c?command=sh&input=1"]);
  await expect.poll(() => stages().at(-1)).toEqual(["ResponseComplete", 101]);
  expect(events).toHaveLength(3);
  expect(events[2]).toMatchObject({
    verb: "create",
    requestURI: `${PODS}/p/exec?container=c&command=sh&stdin=true`,
    user: { username: "alice" },
    objectRef: { resource: "pods", namespace: "shop", name: "p", subresource: "exec" },
    annotations: { "authorization.k8s.io/decision": "allow" },
  });
});

test("a flag is true however a client writes it, and false as upstream reads it", async () => {
  const flags = "command=sh&stdin=True&stdout&stderr=1&tty=False";
  (await upgrade(`${PODS}/p/exec?container=c&${flags}`)).socket?.destroy();
  expect(asked).toEqual(["kubelet-client POST /exec/shop/p/c?command=sh&input=1&output=1&error=1"]);
  const path = `${PODS}/p/log?container=c&follow=True&timestamps=0&previous=False&tailLines=3`;
  const pair = await authority.issue({ commonName: "a", organizations: ["system:masters"], usages: ["client"] });
  const sent = httpsRequest({ host: "127.0.0.1", port, path, ca, ...pair, agent: false });
  const [answer] = (await once(sent.end(), "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
  expect(asked[1]).toBe("GET /containerLogs/shop/p/c?follow=true&tailLines=3");
});

test.each([
  ["may not", "attach?container=c", 403],
  ["asks for a container that is not there", "attach?container=d", 400],
])("an attach of who %s is written down with its refusal", async (_who, path, code) => {
  const isAllowed = code !== 403;
  const outcome = await upgrade(`${PODS}/p/${path}`, { groups: isAllowed ? ["system:masters"] : [] });
  expect([outcome.code, JSON.parse(outcome.text)]).toMatchObject([code, { kind: "Status", code }]);
  expect(asked).toEqual([]);
  expect(stages()).toEqual([
    ["RequestReceived", undefined],
    ["ResponseStarted", code],
    ["ResponseComplete", code],
  ]);
});

test("what a kubelet answers in place of an upgrade is the end: nothing that follows reaches it", async () => {
  const pair = await authority.issue({ commonName: "alice", organizations: ["system:masters"], usages: ["client"] });
  const socket = connect({ host: "127.0.0.1", port, ca, ...pair, ALPNProtocols: ["http/1.1"] });
  const head = `POST ${PODS}/p/exec?container=refusing&command=sh HTTP/1.1\r\nHost: s\r\nConnection: Upgrade`;
  socket.write(`${head}\r\nUpgrade: SPDY/3.1\r\n\r\n`);
  socket.on("error", () => {});
  const closed = once(socket, "close");
  let text = "";
  socket.on("data", (piece: Buffer) => {
    text += piece.toString();
  });
  await expect.poll(() => text).toMatch(/nope\n$/);
  const more = new Promise<void>((resolve) => {
    heardMore = resolve;
  });
  socket.write("GET /pods HTTP/1.1\r\nHost: k\r\n\r\n");
  await Promise.race([closed, more]);
  socket.destroy();
  expect(text).toMatch(/^HTTP\/1.1 404 Not Found\r\n/);
  expect([asked.length, smuggled]).toEqual([1, ""]);
});

test("a pod's server is reached through its proxy, with the path that follows", async () => {
  const joined = await upgrade(`${PODS}/p:web/proxy/live?a=b`);
  expect(await conversation(joined)).toBe("/live?a=b hello");
});

test("a watch that is offered another protocol than WebSocket streams as it would without the offer", async () => {
  const pair = await authority.issue({ commonName: "alice", organizations: ["system:masters"], usages: ["client"] });
  const headers = { connection: "Upgrade", upgrade: "h2c" };
  const path = "/api/v1/namespaces?watch=1&fieldSelector=metadata.name=shop";
  const sent = httpsRequest({ host: "127.0.0.1", port, path, ca, ...pair, headers, agent: false }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const [first] = (await once(response, "data")) as [Buffer];
  expect([response.statusCode, JSON.parse(first.toString())]).toMatchObject([
    200,
    { type: "ADDED", object: { metadata: { name: "shop" } } },
  ]);
  sent.destroy();
  await expect.poll(() => stages().at(-1)).toEqual(["ResponseComplete", 200]);
});

test("where nothing can be upgraded, the request is answered as it stands", async () => {
  const { code, text } = await upgrade("/api/v1/namespaces/shop", { method: "GET" });
  expect([code, JSON.parse(text)]).toMatchObject([200, { kind: "Namespace", metadata: { name: "shop" } }]);
});
