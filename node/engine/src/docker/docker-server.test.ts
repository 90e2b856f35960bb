import { mkdtemp, rm } from "node:fs/promises";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { PassThrough, type Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { finished } from "node:stream/promises";
import { TsukubeError } from "@tsukube/foundation";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { DockerDeps } from "./contracts.ts";
import { DockerServer } from "./docker-server.ts";

const folder = await mkdtemp(`${tmpdir()}/docker-server-`);
const socketPath = `${folder}/docker.sock`;
const uploads = `${folder}/uploads`;

/** No stream of it can be read. */
const BROKEN = {
  get stdout(): never {
    throw new Error("the pipe is away");
  },
};

/** An engine whose every wish fails. */
const deps = {
  uploads,
  isRootless: true,
  images: { find: () => undefined },
  transfer: {
    pull: () => Promise.reject(new TsukubeError("failed", "the registry is away")),
  },
  dockerContainers: {
    store: {
      get: (name: string) => {
        if (name === "echo") return { id: name, config: { OpenStdin: true } };
        throw new TsukubeError("not-found", `No such container: ${name}`);
      },
    },
    attach: async () => {
      const stdin = new PassThrough();
      const [stdout, exited] = [stdin.map((part: Buffer) => String(part).toUpperCase()), finished(stdin)];
      return { stdin, stdout: stdout.map((text: string) => Buffer.from(text)), exited, kill: () => {} };
    },
  },
  events: { publish: () => {} },
  logPath: () => "",
  execs: { get: () => ({ wish: {} }), start: () => Promise.resolve(BROKEN) },
  logger: { info: () => {}, warn: () => {}, debug: () => {} },
} as unknown as DockerDeps;

const server = new DockerServer(deps);
beforeAll(() => server.listen(socketPath));
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const upgrading = (path: string): ClientRequest => {
  const headers = { Connection: "Upgrade", Upgrade: "tcp", "Content-Type": "application/json" };
  return request({ socketPath, method: "POST", path, headers });
};

test.each([
  ["/images/create?fromImage=127.0.0.1:1/x&tag=a", 500, "the registry is away"],
  ["/containers/ghost/attach", 404, "No such container: ghost"],
  ["/nowhere", 404, "page not found"],
])("%s asked with an Upgrade header is answered as without", async (path, status, message) => {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    upgrading(path).once("response", resolve).once("error", reject).end(),
  );
  expect([response.statusCode, await text(response)]).toEqual([status, expect.stringContaining(message)]);
});

test("a body comes with an Upgrade header, too", async () => {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    upgrading("/containers/create").once("response", resolve).once("error", reject).end("[]"),
  );
  expect([response.statusCode, await text(response)]).toEqual([400, expect.stringContaining("expected an object")]);
});

test("a stream that fails once it began is ended", async () => {
  const [stream, beginning] = await new Promise<[Readable, Buffer]>((resolve, reject) =>
    upgrading("/exec/any/start")
      .once("upgrade", (_, socket, head) => resolve([socket, head]))
      .once("error", reject)
      .end("{}"),
  );
  expect(beginning.toString() + (await text(stream))).toBe("");
});

test("a WebSocket to /containers/ID/attach/ws carries a container's streams as they are", async () => {
  const client = new WebSocket(`ws+unix://${socketPath}:/v1.51/containers/echo/attach/ws?stream=1&stdin=1&stdout=1`);
  const said: string[] = [];
  client.on("message", (part) => void said.push(String(part)));
  client.once("open", () => client.send("heard"));
  await expect.poll(() => said.join("")).toBe("HEARD");
  client.close();
  const plain = await new Promise<IncomingMessage>((resolve, reject) =>
    request({ socketPath, path: "/containers/echo/attach/ws" }).once("response", resolve).once("error", reject).end(),
  );
  expect([plain.statusCode, await text(plain)]).toEqual([400, expect.stringContaining("not a WebSocket")]);
  const ghost = new WebSocket(`ws+unix://${socketPath}:/containers/ghost/attach/ws`);
  expect(String(await new Promise((resolve) => ghost.once("error", resolve)))).toContain("404");
});
