import type { ApiResponse } from "@tsukube/client";
import type { UpgradeRequest } from "@tsukube/host";
import type { WebSocket } from "ws";
import type { RequestInfo } from "../contracts.ts";

/** Subprotocols, "" is a client that names none: a log in frames of bytes, or of base64. */
const BASE64 = "base64.binary.k8s.io";
const PROTOCOLS = ["binary.k8s.io", BASE64];

/** Of a message of the client: nobody listens, and what is not whole yet lies in memory. */
const MOST_HEARD = 64 * 1024;

/** Logs and watches stream to a WebSocket as well; whatever else is upgraded speaks with a container. */
export function streamsOut({ subresource, verb }: RequestInfo): boolean {
  return verb === "watch" || (verb === "get" && subresource === "log");
}

/**
 * Answers the upgrade and sends the body: each event of a watch as a message, text of JSON and bytes of protobuf, a log as it comes. The
 * end closes the connection.
 */
export async function answerWebSocket(
  { request, socket, head }: UpgradeRequest,
  { headers, body }: ApiResponse,
  isWatch: boolean,
): Promise<void> {
  const { WebSocketServer } = await import("ws");
  const handleProtocols = (offered: Set<string>): string | false =>
    PROTOCOLS.find((protocol) => offered.has(protocol)) ?? false;
  const server = new WebSocketServer({ noServer: true, handleProtocols, maxPayload: MOST_HEARD });
  const client = await new Promise<WebSocket>((resolve) => server.handleUpgrade(request, socket, head, resolve));
  client.on("error", () => client.terminate());
  const stream = body instanceof Uint8Array ? [body] : body;
  const isFramed = String(headers["content-type"]).includes("protobuf");
  const messages = isWatch ? (isFramed ? frames(stream) : lines(stream)) : stream;
  for await (const message of messages) {
    if (client.readyState !== client.OPEN) return;
    await sent(client, (isWatch && !isFramed) || client.protocol === BASE64, message);
  }
  client.close(1000);
}

function sent(client: WebSocket, isText: boolean, piece: Uint8Array): Promise<void> {
  const text = Buffer.from(piece).toString(client.protocol === BASE64 ? "base64" : "utf8");
  return new Promise((resolve) => client.send(isText ? text : piece, () => resolve()));
}

async function* lines(stream: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let rest = Buffer.alloc(0);
  for await (const piece of stream) {
    rest = Buffer.concat([rest, piece]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield rest.subarray(0, end + 1);
      rest = rest.subarray(end + 1);
    }
  }
  if (rest.length > 0) yield rest;
}

/** The frames of a watch without their lengths. */
async function* frames(stream: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let rest = Buffer.alloc(0);
  for await (const piece of stream) {
    rest = Buffer.concat([rest, piece]);
    for (let end = endOfFrame(rest); end !== undefined; end = endOfFrame(rest)) {
      yield rest.subarray(LENGTH_BYTES, end);
      rest = rest.subarray(end);
    }
  }
}

const LENGTH_BYTES = 4;

/** undefined: the frame is not whole. */
function endOfFrame(bytes: Buffer): number | undefined {
  const end = bytes.length < LENGTH_BYTES ? Number.POSITIVE_INFINITY : LENGTH_BYTES + bytes.readUInt32BE(0);
  return end <= bytes.length ? end : undefined;
}
