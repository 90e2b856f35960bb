import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { StreamingServer } from "./streaming-server.ts";

let lifetime: Lifetime;
let streaming: StreamingServer;
let port: number;

/** A server that repeats what it hears in capitals, and ends after "bye". */
beforeEach(async () => {
  lifetime = new Lifetime();
  const server = createServer((socket) => {
    socket.on("data", (data) => {
      socket.write(String(data).toUpperCase());
      if (String(data).includes("bye")) socket.end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  lifetime.add("server", () => void server.close());
  port = (server.address() as AddressInfo).port;
  streaming = new StreamingServer(realClock, systemRandom);
  await streaming.listen();
  lifetime.own("streaming", streaming);
});
afterEach(() => lifetime.close());

const numberOf = (value: number): string => Buffer.of(value & 0xff, value >> 8).toString("latin1");

async function forward(protocol: string | undefined, ports: readonly number[]) {
  // half open, as those are that reach into a pod
  const dial = (wanted: number) => connect({ port: wanted, host: "127.0.0.1", allowHalfOpen: true });
  const url = streaming.offerPortForward(dial, ports);
  const client = new WebSocket(
    url.replace("http:", "ws:"),
    protocol === undefined ? [] : ["v5.channel.k8s.io", protocol],
  );
  lifetime.add("client", () => client.terminate());
  const heard: string[] = [];
  client.on("message", (data) => heard.push((data as Buffer).toString("latin1")));
  await once(client, "open");
  return { client, heard };
}

test.each([undefined, "v4.channel.k8s.io"])("channels begin with their port and carry data (%s)", async (protocol) => {
  const { client, heard } = await forward(protocol, [port, port]);
  const number = numberOf(port);
  await expect.poll(() => heard).toEqual([`\0${number}`, `\x01${number}`, `\x02${number}`, `\x03${number}`]);
  client.send(Buffer.from("\x02hello"));
  await expect.poll(() => heard.at(-1)).toBe("\x02HELLO");
  client.send(Buffer.from("\0bye"));
  await expect.poll(() => heard.at(-1)).toBe("\0BYE");
  expect(client.readyState).toBe(client.OPEN); // the other connection goes on
  client.send(Buffer.from("\x02bye"));
  await once(client, "close");
});

test("in base64 too", async () => {
  const { client, heard } = await forward("v4.base64.channel.k8s.io", [port]);
  expect(client.protocol).toBe("v4.base64.channel.k8s.io");
  client.send(`0${Buffer.from("bye").toString("base64")}`);
  await once(client, "close");
  expect(heard.at(-1)).toBe(`0${Buffer.from("BYE").toString("base64")}`);
});

test("SPDY goes through a WebSocket under the name that client-go gives it", async () => {
  const url = streaming.offerPortForward((wanted) => connect(wanted, "127.0.0.1"), []);
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": Buffer.alloc(16).toString("base64"),
    "sec-websocket-protocol": "SPDY/3.1+portforward.k8s.io",
  };
  const sent = request(url, { headers });
  sent.end();
  const [answer, socket] = (await once(sent, "upgrade")) as [IncomingMessage, Socket];
  lifetime.add("socket", () => void socket.destroy());
  expect(answer.headers["sec-websocket-protocol"]).toBe(headers["sec-websocket-protocol"]);
  const ping = Buffer.of(0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1);
  socket.write(Buffer.concat([Buffer.of(0x82, 0x80 | ping.length, 0, 0, 0, 0), ping])); // masked with zeros
  const [echo] = (await once(socket, "data")) as [Buffer];
  expect(echo).toEqual(Buffer.concat([Buffer.of(0x82, ping.length), ping]));
});

test("a port at which nobody listens is told on its error channel", async () => {
  const { client, heard } = await forward("v4.channel.k8s.io", [1]);
  await once(client, "close");
  expect(heard.at(-1)).toMatch(/^\x01error forwarding port 1: .*ECONNREFUSED/);
});

test("without ports the client is told why it is sent away", async () => {
  const { client } = await forward("v4.channel.k8s.io", []);
  const [code, reason] = (await once(client, "close")) as [number, Buffer];
  expect([code, String(reason)]).toEqual([1008, expect.stringContaining("ports: missing")]);
});
