import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { SecureContext, TLSSocket } from "node:tls";
import { Http1Exchange } from "./http1-exchange.ts";
import { Http2Connection } from "./http2/connection.ts";
import { leadsTo } from "./trusting.ts";

/** The verified subject of a client's certificate. */
export interface PeerCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Of the attribute by which Kubernetes names a user's uid (1.3.6.1.4.1.57683.2). */
  readonly uids: readonly string[];
  /** SHA-256 of the certificate, lower-case hex. */
  readonly fingerprint: string;
  /** Ms since the epoch. */
  readonly expiresAt: number;
  /** Whether one of these CAs (PEM) stands for it, where clients of several are let in. */
  leadsTo?(ca: string): boolean;
}

/** Who a client says to be by its certificate: undefined without one, "unverified" with one that no client CA of the server stands for. */
export type Peer = PeerCertificate | "unverified" | undefined;

export function verified(peer: Peer): PeerCertificate | undefined {
  return peer === "unverified" ? undefined : peer;
}

/** One request and the way to answer it, the same over HTTP/1.1 and HTTP/2. */
export interface Exchange {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Lower-case names; `host` filled in. */
  readonly headers: Readonly<Record<string, string>>;
  /** The values, as they came, of headers that came more than once. */
  readonly repeated: RepeatedHeaders;
  readonly remoteAddress: string;
  readonly peer: Peer;
  /** Aborts when the client goes away before the answer is complete. */
  readonly signal: AbortSignal;
  /** The body has come whole: nobody has to wait for it. */
  readonly isWhole: boolean;
  /** The whole body. @throws {TsukubeError} `too-large` past `limit` bytes, `aborted`. */
  body(limit: number): Promise<Uint8Array>;
  /** The body in its place, piece by piece: the client sends more as pieces are taken. @throws {TsukubeError} `aborted`. */
  pieces(): AsyncIterable<Uint8Array>;
  /** Answers at once. */
  send(status: number, headers: OutgoingHeaders, body: Uint8Array): void;
  /** Begins an answer in pieces. */
  begin(status: number, headers: OutgoingHeaders): ResponseSink;
  /** Ends it without an answer, or in the middle of one, so that the client sees it as broken. */
  abandon(): void;
}

/** By lower-case name; at least two values each. */
export type RepeatedHeaders = ReadonlyMap<string, readonly string[]>;

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
  /** The values, as they came, of headers that came more than once. */
  readonly repeated: RepeatedHeaders;
  readonly path: string;
  readonly method: string;
  readonly remoteAddress: string;
  readonly peer: Peer;
}

export interface HttpsServerOptions {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** PEM of the CAs that may sign client certificates, roots or intermediates; absent: none is asked for. */
  readonly clientCa?: string | readonly string[];
  /** The oldest that is spoken: 1.2 by default. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL's list of cipher suites; Node's by default. */
  readonly ciphers?: string;
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

/** Of a request, as Go's servers take it. */
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
  const servers: Server[] = [];
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
      for (const server of servers) {
        server.setSecureContext(secureContext(options, pair));
        trustAnyOf(server);
      }
    },
    async close() {
      const closed = servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

function secureContext(options: HttpsServerOptions, pair: { readonly key: string; readonly cert: string }) {
  const { clientCa: ca, minVersion = "TLSv1.2", ciphers } = options;
  return {
    ...pair,
    minVersion,
    ...(ciphers !== undefined && { ciphers }),
    ...(ca !== undefined && { ca: typeof ca === "string" ? ca : [...ca] }),
  };
}

/** As in Go, chains of clients may end at any certificate of the CA file. Node has that for contexts, and no option for a server's own. */
function trustAnyOf(server: Server): void {
  (server as Server & { readonly _sharedCreds: SecureContext })._sharedCreds.context.setAllowPartialTrustChain();
}

function newServer(
  options: HttpsServerOptions,
  pair: { readonly key: string; readonly cert: string },
  sockets: Set<Duplex>,
): Server {
  const { head, idle } = options.patience ?? PATIENCE;
  const server = createServer({
    ...{ connectionsCheckingInterval: head / 4, headersTimeout: head, requestTimeout: 0, keepAliveTimeout: idle },
    maxHeaderSize: HEAD_BYTES,
    handshakeTimeout: head,
    ...secureContext(options, pair),
    ALPNProtocols: ["h2", "http/1.1"],
    requestCert: options.clientCa !== undefined,
    rejectUnauthorized: false,
  });
  trustAnyOf(server);
  const [serveHttp1] = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {}); // a client that goes away is no event
    socket.once("close", () => sockets.delete(socket));
    if (socket.alpnProtocol !== "h2") serveHttp1?.call(server, socket);
    else {
      const remoteAddress = plainAddress(socket.remoteAddress);
      const { handle } = options;
      new Http2Connection(socket, { remoteAddress, peer: peerOf(socket), headBytes: HEAD_BYTES, idle, handle });
    }
  });
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    options.handle(new Http1Exchange(request, response, peerOf(request.socket as TLSSocket)));
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (options.upgrade === undefined) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
      return;
    }
    socket.on("error", () => {});
    options.upgrade(upgradeOf(request, socket, head));
  });
  server.on("tlsClientError", () => {});
  return server;
}

function upgradeOf(request: IncomingMessage, socket: Duplex, head: Buffer): UpgradeRequest {
  return {
    request,
    socket,
    head,
    headers: flatHeaders(request.headers),
    repeated: repeatedOf(request),
    path: request.url ?? "/",
    method: request.method ?? "GET",
    remoteAddress: plainAddress(request.socket.remoteAddress),
    peer: peerOf(request.socket as TLSSocket),
  };
}

/** Joins repeated headers with commas, as RFC 9110 section 5.3 allows. */
export function flatHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    out[name] = typeof value === "string" ? value : value.join(", ");
  }
  return out;
}

export function repeatedOf({ headersDistinct }: IncomingMessage): RepeatedHeaders {
  const lists = Object.entries(headersDistinct).map(([name, values = []]) => [name, values] as const);
  return new Map(lists.filter(([, values]) => values.length > 1));
}

/** "::ffff:127.0.0.1" as "127.0.0.1". */
export function plainAddress(address: string | undefined): string {
  return (address ?? "").replace(/^::ffff:/, "");
}

/** Remembers what it found out: a connection has many requests. */
function leading(socket: TLSSocket): (ca: string) => boolean {
  const known = new Map<string, boolean>();
  return (ca) => {
    const found = known.get(ca) ?? leadsTo(socket.getPeerX509Certificate(), ca);
    known.set(ca, found);
    return found;
  };
}

const UID = "1.3.6.1.4.1.57683.2";

function peerOf(socket: TLSSocket): Peer {
  const certificate = socket.getPeerCertificate();
  if (certificate?.raw !== undefined && !socket.authorized) return "unverified";
  const subject = certificate?.subject as Record<string, string | string[] | undefined> | undefined;
  const commonName = subject?.["CN"];
  if (typeof commonName !== "string") return undefined;
  const valuesOf = (attribute: string): readonly string[] => [subject?.[attribute] ?? []].flat();
  return {
    commonName,
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    expiresAt: Date.parse(certificate.valid_to),
    organizations: valuesOf("O"),
    uids: valuesOf(UID),
    leadsTo: leading(socket),
  };
}
