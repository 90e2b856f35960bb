import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock, Random } from "@tsukube/foundation";
import { createWebSocketStream, WebSocketServer } from "ws";
import { type Dial, servePortForward } from "./port-forward.ts";
import { SPDY_PROCESS_PROTOCOLS, serveSpdyProcess } from "./spdy-process.ts";
import type { OpenProcess, WantedStreams } from "./streamed-process.ts";
import { FORWARD_PROTOCOLS, serveWebSocketPortForward } from "./websocket-port-forward.ts";
import { PROCESS_PROTOCOLS, serveWebSocketProcess } from "./websocket-process.ts";

const TOKEN_LIFE_MS = 60_000;
const PORT_FORWARD = "portforward.k8s.io";
const TUNNELLED = `SPDY/3.1+${PORT_FORWARD}`;
const SOCKET_FORWARDS: readonly string[] = [TUNNELLED, ...FORWARD_PROTOCOLS];

type Session =
  | { readonly kind: "process"; readonly open: OpenProcess; readonly wanted: WantedStreams }
  | { readonly kind: "forward"; readonly dial: Dial; readonly ports: readonly number[] };

/**
 * Serves exec, attach and port-forward on 127.0.0.1, at addresses that work once and for a minute; over WebSocket (exec and
 * attach in five variants, port-forward in two or as SPDY inside it) and over plain SPDY/3.1.
 */
export class StreamingServer {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #sessions = new Map<string, Session>();
  readonly #upgraded = new Set<Duplex>();
  readonly #http = createServer((_, response) => response.writeHead(404).end());
  readonly #sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered, { url = "" }) => {
      const known: readonly string[] = url.startsWith("/portforward/") ? FORWARD_PROTOCOLS : PROCESS_PROTOCOLS;
      return known.find((protocol) => offered.has(protocol)) ?? false;
    },
  });

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#http.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#http.once("error", reject);
      this.#http.listen(0, "127.0.0.1", resolve);
    });
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** An address under which `open` is started once. `wanted` tells what to send, and how many SPDY streams to wait for. */
  offer(
    open: OpenProcess,
    wanted: WantedStreams = { stdin: false, stdout: true, stderr: false, tty: false },
    verb: "exec" | "attach" = "exec",
  ): string {
    return this.#offer(verb, { kind: "process", open, wanted });
  }

  /** An address under which a client forwards connections that `dial` makes. @param ports For clients that cannot name them later. */
  offerPortForward(dial: Dial, ports: readonly number[]): string {
    return this.#offer("portforward", { kind: "forward", dial, ports });
  }

  async close(): Promise<void> {
    for (const client of this.#sockets.clients) client.terminate();
    for (const socket of this.#upgraded) socket.destroy();
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }

  #offer(verb: string, session: Session): string {
    const token = Buffer.from(this.#random.bytes(24)).toString("base64url");
    this.#sessions.set(token, session);
    this.#clock.after(TOKEN_LIFE_MS, () => this.#sessions.delete(token), { background: true });
    return `${this.address}/${verb}/${token}`;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const token = new URL(request.url ?? "/", "http://localhost").pathname.split("/").at(-1) ?? "";
    const session = this.#sessions.get(token);
    if (session === undefined) {
      refuse(socket, "404 Not Found", "no such session, or it was used already");
      return;
    }
    const upgrade = request.headers.upgrade?.toLowerCase() ?? "";
    if (upgrade === "websocket") this.#upgradeToWebSocket(token, session, request, socket, head);
    else if (upgrade === "spdy/3.1") this.#upgradeToSpdy(token, session, request, socket, head);
    else refuse(socket, "400 Bad Request", `Upgrade: ${upgrade}, expected websocket or SPDY/3.1`);
  }

  #upgradeToWebSocket(token: string, session: Session, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = list(request.headers["sec-websocket-protocol"]);
    const known: readonly string[] = session.kind === "forward" ? SOCKET_FORWARDS : PROCESS_PROTOCOLS;
    if (offered.length > 0 && !offered.some((name) => known.includes(name))) {
      refuse(socket, "400 Bad Request", `subprotocols ${offered}, expected one of ${known}`);
      return;
    }
    this.#sessions.delete(token);
    if (session.kind === "forward" && offered.includes(TUNNELLED)) {
      this.#tunnel(request, socket, head, session.dial);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      if (session.kind === "process") void serveWebSocketProcess(client, session.wanted, session.open);
      else serveWebSocketPortForward(client, session.ports, session.dial);
    });
  }

  /** The name of this subprotocol is not one that RFC 6455 allows: ws must neither read nor write it. */
  #tunnel(request: IncomingMessage, socket: Duplex, head: Buffer, dial: Dial): void {
    delete request.headers["sec-websocket-protocol"];
    const name = (headers: string[]): void => void headers.push(`Sec-WebSocket-Protocol: ${TUNNELLED}`);
    this.#sockets.once("headers", name);
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      void servePortForward(createWebSocketStream(client), dial, this.#clock);
    });
    this.#sockets.off("headers", name); // of a handshake that was refused
  }

  #upgradeToSpdy(token: string, session: Session, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const offered = list(request.headers["x-stream-protocol-version"]);
    const known: readonly string[] = session.kind === "forward" ? [PORT_FORWARD] : SPDY_PROCESS_PROTOCOLS;
    const protocol = offered.length === 0 ? known.at(-1) : known.find((name) => offered.includes(name));
    if (protocol === undefined) {
      const accepted = known.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}\r\n`).join("");
      refuse(socket, "403 Forbidden", `stream protocols ${offered}, expected one of ${known}`, accepted);
      return;
    }
    this.#sessions.delete(token);
    this.#upgraded.add(socket);
    socket.once("close", () => this.#upgraded.delete(socket));
    const named = offered.length === 0 ? "" : `X-Stream-Protocol-Version: ${protocol}\r\n`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n${named}\r\n`);
    if (head.length > 0) socket.unshift(head);
    if (session.kind === "forward") void servePortForward(socket, session.dial, this.#clock);
    else void serveSpdyProcess(socket, protocol, session.wanted, session.open, this.#clock);
  }
}

/** A header that may be repeated or hold a list. */
function list(header: string | readonly string[] | undefined): readonly string[] {
  const text = typeof header === "string" ? header : (header ?? []).join(",");
  return text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function refuse(socket: Duplex, status: string, message: string, headers = ""): void {
  const body = `${message}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\n${headers}Content-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
