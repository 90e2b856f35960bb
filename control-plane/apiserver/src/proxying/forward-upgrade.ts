import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { ApiResponse } from "@tsukube/client";
import type { UpgradeRequest } from "@tsukube/host";
import { forwarded } from "./forwarded.ts";

export interface UpgradeTarget {
  /** Where the server is, what it is asked for, and with which certificates. */
  readonly options: RequestOptions;
  readonly scheme: "http" | "https";
  /** Besides those of the client's that are its own affair with the server. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * Asks a server for the upgrade that a client asked for, and joins the two connections when it agrees: they speak the protocol, we pass
 * bytes. What else it answers is the end of the client's connection: joined to one that still speaks HTTP, the client could ask the
 * server for anything with our credentials (CVE-2018-1002105).
 * @returns that other answer; undefined when they are joined.
 * @throws errors of the network as Node's.
 */
export function forwardUpgrade(
  request: UpgradeRequest,
  { options, scheme, headers }: UpgradeTarget,
): Promise<ApiResponse | undefined> {
  const { socket, head, method } = request;
  const out = { ...upgradeHeaders(request), ...copied(headers ?? {}) };
  return new Promise((resolve, reject) => {
    const send = scheme === "https" ? httpsRequest : httpRequest;
    const sent = send({ ...options, method, headers: out, agent: false });
    sent.on("upgrade", (answer, server, first) => {
      socket.write(headOf(answer));
      if (first.length > 0) socket.write(first);
      if (head.length > 0) server.write(head);
      join(socket, server);
      resolve(undefined);
    });
    sent.on("response", (answer) =>
      resolve({ status: answer.statusCode ?? 502, headers: forwarded(answer.headers), body: answer }),
    );
    sent.on("error", reject);
    socket.once("close", () => sent.destroy());
    sent.end();
  });
}

/** The client's own, without credentials. */
function upgradeHeaders({ headers }: UpgradeRequest): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = { ...forwarded(headers), connection: "Upgrade" };
  if (headers["upgrade"] !== undefined) out["upgrade"] = headers["upgrade"];
  const protocols = headers["sec-websocket-protocol"];
  if (protocols !== undefined) out["sec-websocket-protocol"] = withoutToken(protocols);
  return out;
}

/** Browsers send their token as a subprotocol. */
function withoutToken(protocols: string): string {
  return protocols
    .split(",")
    .filter((protocol) => !protocol.trim().startsWith("base64url.bearer.authorization.k8s.io."))
    .join(",");
}

function copied(headers: Readonly<Record<string, string | readonly string[]>>): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(headers)) out[name] = typeof value === "string" ? value : [...value];
  return out;
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function join(client: Duplex, server: Duplex): void {
  client.on("error", () => server.destroy());
  server.on("error", () => client.destroy());
  client.on("close", () => server.destroy());
  server.on("close", () => client.end());
  server.pipe(client);
  client.pipe(server);
}
