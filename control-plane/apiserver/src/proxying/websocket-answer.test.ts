import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Lifetime } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { answerWebSocket } from "./websocket-answer.ts";

let lifetime: Lifetime;
beforeEach(() => {
  lifetime = new Lifetime();
});
afterEach(() => lifetime.close());

async function* log(): AsyncIterable<Uint8Array> {
  yield Buffer.from("one\nt");
  yield Buffer.from("wo\n");
}

/** What a client that offers `protocols` hears, and whether as text. */
async function heard(protocols: readonly string[], isWatch = false): Promise<readonly (readonly [string, boolean])[]> {
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    const rest = { headers: {}, repeated: new Map(), path: "", method: "GET", remoteAddress: "", peer: undefined };
    void answerWebSocket({ request, socket, head, ...rest }, { status: 200, headers: {}, body: log() }, isWatch);
  });
  server.listen(0, "127.0.0.1");
  lifetime.add("server", () => void server.close());
  await once(server, "listening");
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, [...protocols]);
  const messages: (readonly [string, boolean])[] = [];
  client.on("message", (data, isBinary) => messages.push([String(data), !isBinary]));
  await once(client, "close");
  return messages;
}

test("a log comes in bytes, or in base64 for who offers nothing better", async () => {
  const bytes = [
    ["one\nt", false],
    ["wo\n", false],
  ];
  expect(await heard(["base64.binary.k8s.io", "binary.k8s.io"])).toEqual(bytes);
  expect(await heard([])).toEqual(bytes);
  expect(await heard(["base64.binary.k8s.io"])).toEqual([
    [btoa("one\nt"), true],
    [btoa("wo\n"), true],
  ]);
});

test("each event of a watch is a message of its own, however it came", async () => {
  expect(await heard([], true)).toEqual([
    ["one\n", true],
    ["two\n", true],
  ]);
});

test("who sends more than a little to one who only tells is cut off, and none of it is kept", async () => {
  const over = Promise.withResolvers<void>();
  async function* endless(): AsyncIterable<Uint8Array> {
    yield Buffer.from("one\n");
    await over.promise;
  }
  const server = createServer();
  server.on("upgrade", (request, socket, head) => {
    const rest = { headers: {}, repeated: new Map(), path: "", method: "GET", remoteAddress: "", peer: undefined };
    void answerWebSocket({ request, socket, head, ...rest }, { status: 200, headers: {}, body: endless() }, true);
  });
  server.listen(0, "127.0.0.1");
  lifetime.add("server", () => void server.close());
  lifetime.add("log", () => over.resolve());
  await once(server, "listening");
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.on("error", () => {});
  await once(client, "open");
  client.send(Buffer.alloc(65 * 1024), () => {});
  await once(client, "close");
});
