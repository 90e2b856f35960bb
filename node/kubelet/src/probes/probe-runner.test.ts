import { execFileSync } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from "node:net";
import { tmpdir } from "node:os";
import type { ProbeHandler } from "@tsukube/api/types/core-v1";
import { Lifetime } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { grpcError, serveGrpc, serviceDefinition } from "@tsukube/host/grpc";
import descriptor from "@tsukube/node-contracts/facts/grpc-health-v1.json" with { type: "json" };
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cri } from "../cri/runtime.ts";
import { runProbe } from "./probe-runner.ts";

let lifetime: Lifetime;
beforeEach(() => {
  lifetime = new Lifetime();
});
afterEach(() => lifetime.close());

async function listening(server: TcpServer | Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  lifetime.add("server", () => void server.close());
  return (server.address() as AddressInfo).port;
}

function probe(handler: ProbeHandler & { timeoutSeconds?: number }, port = 0, cri = {} as Cri) {
  const ports = port === 0 ? [] : [{ name: "web", containerPort: port }];
  const target = { pod: {}, container: { name: "main", ports }, containerId: "c", podIp: "127.0.0.1" };
  return runProbe(handler, target, cri, realClock);
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void;
const http = (handle: Handle) => listening(createServer(handle));

test("an HTTP probe asks the named port with its headers, and 200 to 399 is success", async () => {
  const asked: IncomingMessage[] = [];
  const port = await http((request, response) => {
    asked.push(request);
    response.writeHead(request.url === "/broken" ? 500 : 204).end();
  });
  const httpHeaders = [
    { name: "X-Custom", value: "one" },
    { name: "Host", value: "shop.example" },
  ];
  expect(await probe({ httpGet: { port: "web", path: "/healthz?full=1", httpHeaders } }, port)).toMatchObject({
    ok: true,
  });
  expect(asked[0]?.url).toBe("/healthz?full=1");
  expect(asked[0]?.headers).toMatchObject({ "x-custom": "one", host: "shop.example", "user-agent": "kube-probe/1.37" });
  expect(await probe({ httpGet: { port, path: "broken" } })).toEqual({
    ok: false,
    message: "HTTP probe failed with statuscode: 500",
  });
  expect((await probe({ httpGet: { port: "nameless" } }, port)).message).toContain(`couldn't find port: "nameless"`);
});

test("an HTTP probe follows redirects to the same host, and takes one to another host for success", async () => {
  const port = await http(({ url }, response) => {
    if (url === "/away") return void response.writeHead(302, { location: "http://elsewhere.example/" }).end();
    if (url === "/loop") return void response.writeHead(302, { location: "/loop" }).end();
    if (url === "/moved") return void response.writeHead(302, { location: "/here" }).end();
    response.writeHead(url === "/here" ? 503 : 200).end();
  });
  expect((await probe({ httpGet: { port, path: "/moved" } })).message).toBe("HTTP probe failed with statuscode: 503");
  expect((await probe({ httpGet: { port, path: "/away" } })).ok).toBe(true);
  expect((await probe({ httpGet: { port, path: "/loop" } })).message).toBe("stopped after 10 redirects");
});

test("an HTTP probe understands a server that ends its lines with LF alone, as Go does", async () => {
  const port = await listening(
    createTcpServer((socket) => void socket.once("data", () => socket.end("HTTP/1.0 200 OK\ncontent-length: 2\n\nok"))),
  );
  expect(await probe({ httpGet: { port } })).toEqual({ ok: true, message: "ok" });
});

test("an HTTPS probe takes any certificate, and a server that does not answer in time has failed", async () => {
  const pair = execFileSync(
    "openssl",
    [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-subj",
      "/CN=x",
      "-keyout",
      "-",
    ],
    { cwd: tmpdir(), stdio: ["ignore", "pipe", "ignore"] },
  ).toString();
  const port = await listening(createTlsServer({ key: pair, cert: pair }, (_, response) => void response.end("ok")));
  expect(await probe({ httpGet: { port, scheme: "HTTPS" } })).toEqual({ ok: true, message: "ok" });
  const silent = await listening(createTcpServer((socket) => lifetime.add("socket", () => void socket.destroy())));
  const late = await probe({ httpGet: { port: silent }, timeoutSeconds: 0.1 });
  expect(late).toEqual({ ok: false, message: "context deadline exceeded: no answer within 0.1s" });
});

test("a TCP probe succeeds when the port takes a connection", async () => {
  const port = await listening(createTcpServer((socket) => socket.destroy()));
  expect((await probe({ tcpSocket: { port } })).ok).toBe(true);
  expect((await probe({ tcpSocket: { port: 1 } })).message).toContain("ECONNREFUSED");
});

test("a gRPC probe asks the health service: only SERVING is success", async () => {
  const port = await freePort();
  const asked: string[] = [];
  const Check = async ({ service }: { service: string }) => {
    asked.push(service);
    if (service === "unknown") throw grpcError("NOT_FOUND", "unknown service");
    if (service === "slow") await new Promise(() => {});
    return { status: service === "sick" ? "NOT_SERVING" : "SERVING" };
  };
  const definition = serviceDefinition(descriptor, "grpc.health.v1.Health");
  const server = await serveGrpc(`127.0.0.1:${port}`, [{ definition, handlers: { Check } }]);
  lifetime.add("grpc", () => server.close());
  const check = (service?: string) =>
    probe({ grpc: { port, ...(service !== undefined && { service }) }, timeoutSeconds: 0.3 });
  expect(await check()).toMatchObject({ ok: true });
  expect(await check("sick")).toEqual({ ok: false, message: 'service unhealthy (responded with "NOT_SERVING")' });
  expect((await check("unknown")).message).toMatch(/^error: health rpc probe failed: .*unknown service/);
  expect(await check("slow")).toEqual({ ok: false, message: "timeout: health rpc did not complete within 0.3s" });
  expect(asked).toEqual(["", "sick", "unknown", "slow"]);
});

test("a gRPC probe fails on a server without the health service, and on a port that only takes connections", async () => {
  const port = await freePort();
  const server = await serveGrpc(`127.0.0.1:${port}`, []);
  lifetime.add("grpc", () => server.close());
  expect((await probe({ grpc: { port } })).message).toMatch(/does not implement the grpc health protocol/);
  const mute = await listening(createTcpServer((socket) => lifetime.add("socket", () => void socket.destroy())));
  expect((await probe({ grpc: { port: mute }, timeoutSeconds: 0.2 })).ok).toBe(false);
});

async function freePort(): Promise<number> {
  const server = createTcpServer();
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
  );
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("an exec probe goes by the exit code and tells the output; one that takes too long has failed", async () => {
  const answers = [
    async () => ({ exitCode: 0, stdout: Buffer.from("fine") }),
    async () => ({ exitCode: 1, stdout: Buffer.from("out "), stderr: Buffer.from("err") }),
    async () => Promise.reject(grpcError("DEADLINE_EXCEEDED", "late")),
  ];
  const ExecSync = (request: unknown) => {
    expect(request).toEqual({ containerId: "c", cmd: ["cat", "/health"], timeout: 7 });
    return answers.shift()?.();
  };
  const cri = { runtime: { ExecSync } } as unknown as Cri;
  const look = () => probe({ exec: { command: ["cat", "/health"] }, timeoutSeconds: 7 }, 0, cri);
  expect(await look()).toEqual({ ok: true, message: "fine" });
  expect(await look()).toEqual({ ok: false, message: "out err" });
  expect(await look()).toEqual({ ok: false, message: 'command ["cat","/health"] timed out after 7s' });
});
