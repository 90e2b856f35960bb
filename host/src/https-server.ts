import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { Http1Exchange } from "./http1-exchange.ts";
import { Http2Exchange } from "./http2-exchange.ts";

/** The verified subject of a client's certificate. */
export interface PeerCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
}

/** One request and the way to answer it, the same over HTTP/1.1 and HTTP/2. */
export interface Exchange {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Lower-case names; pseudo headers left out, `host` filled in. */
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  /** Undefined without a certificate, or with one that the server's client CA did not sign. */
  readonly peer: PeerCertificate | undefined;
  /** Aborts when the client goes away before the answer is complete. */
  readonly signal: AbortSignal;
  /** The whole body. @throws {TsukubeError} `too-large` past `limit` bytes. */
  body(limit: number): Promise<Uint8Array>;
  /** The body in pieces, for proxying. */
  stream(): AsyncIterable<Uint8Array>;
  /** Answers at once. */
  send(status: number, headers: OutgoingHeaders, body: Uint8Array): void;
  /** Begins an answer in pieces. */
  begin(status: number, headers: OutgoingHeaders): ResponseSink;
  /** Ends it without an answer, or in the middle of one, so that the client sees it as broken. */
  abandon(): void;
}

export type OutgoingHeaders = Readonly<Record<string, string | readonly string[]>>;

/** Takes the pieces of a response. */
export interface ResponseSink {
  /**
   * False when the peer reads slower than we write: wait for `drained()` before more.
   * @param written The piece is on its way and may be changed, or will never be.
   */
  write(piece: Uint8Array, written?: (error?: Error | null) => void): boolean;
  drained(): Promise<void>;
  end(): void;
  /** Ends the response so that the client sees it as broken. */
  destroy(): void;
}

/** A request to upgrade (WebSocket, SPDY), always over HTTP/1.1. Whoever takes it owns the socket. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  readonly method: string;
  readonly remoteAddress: string;
  readonly peer: PeerCertificate | undefined;
}

export interface HttpsServerOptions {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** PEM of the CAs that may sign client certificates; absent: none is asked for. */
  readonly clientCa?: string | readonly string[];
  /** {@link PATIENCE} by default. */
  readonly patience?: Patience;
  handle(exchange: Exchange): void;
  upgrade?(request: UpgradeRequest): void;
}

/** How long clients are waited for, in milliseconds. */
export interface Patience {
  /** For the handshake, and for the whole head of an HTTP/1.1 request. */
  readonly head: number;
  /** For the next request on a connection that carries none. */
  readonly idle: number;
}

/** Of an HTTP/1.1 request, as Go's servers take it. In HTTP/2 nghttp2 takes no more than 64 KB. */
const HEAD_BYTES = 1024 * 1024;

/** As kube-apiserver has it. */
const PATIENCE: Patience = { head: 32_000, idle: 90_000 };

/** HTTP/2, HTTP/1.1 and upgrades over TLS on one port, on any number of addresses. */
export interface HttpsServer {
  /** Starts listening. @returns the port, also when 0 was asked for. @throws EADDRINUSE and the like, as Node. */
  listen(address: string, port: number): Promise<number>;
  /** Replaces key and certificate for connections to come. */
  setCertificate(key: string, cert: string): void;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

export function createHttpsServer(options: HttpsServerOptions): HttpsServer {
  const servers: Http2SecureServer[] = [];
  const sockets = new Set<Duplex>();
  let pair = { key: options.key, cert: options.cert };
  return {
    async listen(address, port) {
      const server = newServer(options, pair, sockets);
      server.listen(port, address);
      await once(server, "listening");
      servers.push(server);
      return (server.address() as AddressInfo).port;
    },
    setCertificate(key, cert) {
      pair = { key, cert };
      for (const server of servers) server.setSecureContext(secureContext(options, pair));
    },
    async close() {
      const closed = servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

function secureContext(options: HttpsServerOptions, pair: { readonly key: string; readonly cert: string }) {
  const ca = options.clientCa;
  return { ...pair, ...(ca === undefined ? {} : { ca: typeof ca === "string" ? ca : [...ca] }) };
}

function newServer(
  options: HttpsServerOptions,
  pair: { readonly key: string; readonly cert: string },
  sockets: Set<Duplex>,
): Http2SecureServer {
  const { head, idle } = options.patience ?? PATIENCE;
  const checks = { connectionsCheckingInterval: head / 4 }; // of HTTP/1.1 heads; passed on, though not among the types
  const server = createSecureServer({
    ...checks,
    allowHTTP1: true,
    handshakeTimeout: head,
    ...secureContext(options, pair),
    requestCert: options.clientCa !== undefined,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    settings: { maxConcurrentStreams: 250, initialWindowSize: 1024 * 1024 },
  });
  Object.assign(server, { headersTimeout: head, requestTimeout: 0, keepAliveTimeout: idle, maxHeaderSize: HEAD_BYTES });
  server.on("secureConnection", (socket: TLSSocket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {}); // a client that goes away is no event
    socket.once("close", () => sockets.delete(socket));
  });
  server.on("request", (request, response) => {
    if (request.httpVersionMajor >= 2) return; // served by its stream
    const plain = request as unknown as IncomingMessage;
    options.handle(new Http1Exchange(plain, response as never, peerOf(plain.socket as TLSSocket)));
  });
  // Node makes a request and a response of its compatibility API for every stream as soon as somebody listens for requests
  server.removeAllListeners("stream");
  const open = new WeakMap<object, { streams: number }>();
  server.on("session", (session) => {
    const known = { streams: 0 };
    open.set(session, known);
    session.setTimeout(idle, () => {
      if (known.streams === 0) session.close(); // a watch may have nothing to tell for long
    });
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const known = stream.session === undefined ? undefined : open.get(stream.session);
    if (known !== undefined) {
      known.streams += 1;
      stream.once("close", () => (known.streams -= 1));
    }
    options.handle(new Http2Exchange(stream, headers, peerOfSession(stream.session)));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (options.upgrade === undefined) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return;
    }
    socket.on("error", () => {});
    options.upgrade(upgradeOf(request, socket, head));
  });
  server.on("sessionError", () => {});
  server.on("tlsClientError", () => {});
  return server;
}

function upgradeOf(request: IncomingMessage, socket: Duplex, head: Buffer): UpgradeRequest {
  return {
    request,
    socket,
    head,
    headers: flatHeaders(request.headers),
    path: request.url ?? "/",
    method: request.method ?? "GET",
    remoteAddress: plainAddress(request.socket.remoteAddress),
    peer: peerOf(request.socket as TLSSocket),
  };
}

/** Joins repeated headers with commas, as RFC 9110 section 5.3 allows; drops HTTP/2 pseudo headers. */
export function flatHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || name.charCodeAt(0) === 0x3a) continue;
    out[name] = typeof value === "string" ? value : value.join(", ");
  }
  const authority = headers[":authority"];
  if (out["host"] === undefined && typeof authority === "string") out["host"] = authority;
  return out;
}

/** "::ffff:127.0.0.1" as "127.0.0.1". */
export function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}

/** A certificate is the same for all requests of a connection; reading it costs more than the rest of a small request. */
const sessionPeers = new WeakMap<object, { readonly peer: PeerCertificate | undefined }>();

function peerOfSession(session: ServerHttp2Stream["session"]): PeerCertificate | undefined {
  if (session === undefined) return undefined;
  let known = sessionPeers.get(session);
  if (known === undefined) {
    known = { peer: peerOf(session.socket as TLSSocket) };
    sessionPeers.set(session, known);
  }
  return known.peer;
}

function peerOf(socket: TLSSocket | undefined): PeerCertificate | undefined {
  if (socket?.authorized !== true) return undefined;
  const certificate = socket.getPeerCertificate();
  const subject = certificate?.subject as Record<string, string | string[] | undefined> | undefined;
  const commonName = subject?.["CN"];
  if (typeof commonName !== "string") return undefined;
  const organizations = subject?.["O"];
  return {
    commonName,
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    organizations:
      organizations === undefined ? [] : typeof organizations === "string" ? [organizations] : organizations,
  };
}
