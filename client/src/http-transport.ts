import { readFileSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { TsukubeError } from "@tsukube/foundation";
import { withPort } from "@tsukube/foundation/ip-network";
import type { ApiRequest, ApiResponse, Transport } from "./transport.ts";

export interface HttpTransportOptions {
  /** "https://10.64.0.1:6443". */
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
  /** Asked for at each request: tokens in files are renewed. */
  token?(): string;
}

/** Bytes that a server may send before we have read them, of one answer and of all; Node's 64 kB make large lists wait. */
const STREAM_WINDOW = 4 * 1024 * 1024;
const CONNECTION_WINDOW = 64 * 1024 * 1024;

/** Streams of a connection whose server has not said yet how many it takes, as Go's client has it. */
const INITIAL_STREAMS = 100;

/** Connections of a transport, more than a component has watches: a server may take one request over each. */
const MOST_CONNECTIONS = 128;

/** Times that a server may refuse a request, which it has not begun then: those that came before its limit did (RFC 9113, 8.7). */
const MOST_REFUSALS = 6;

/**
 * Requests over HTTP/2 connections, made when needed: one as long as the server takes all requests over it. Those that find no place wait
 * for one, as they do for a server that takes none for now.
 */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  return new Http2Transport(options);
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** How a pod reaches its API server. @throws {TsukubeError} `not-in-cluster`. */
export function inClusterOptions(env: NodeJS.ProcessEnv): HttpTransportOptions {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"];
  if (host === undefined || port === undefined) {
    throw new TsukubeError(
      "not-in-cluster",
      "Cannot reach the API server: KUBERNETES_SERVICE_HOST is not set, expected to run in a pod",
    );
  }
  return {
    server: `https://${withPort(host, Number(port))}`,
    ca: readFileSync(`${SERVICE_ACCOUNT}/ca.crt`, "utf8"),
    token: () => readFileSync(`${SERVICE_ACCOUNT}/token`, "utf8").trim(),
  };
}

interface Connection {
  readonly session: ClientHttp2Session;
  /** Streams, and how many there may be. */
  open: number;
  most: number;
  /** The server said how many. */
  isSaid: boolean;
}

class Http2Transport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #connections = new Set<Connection>();
  /** Streams that the server said last that it takes over a connection. */
  #streams = INITIAL_STREAMS;

  constructor(options: HttpTransportOptions) {
    this.#options = options;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    for (let refusals = 0; refusals < MOST_REFUSALS; refusals += 1) {
      const response = await this.#send(request);
      if (response !== undefined) return response;
    }
    throw new TsukubeError("unreachable", `Cannot ${request.method} ${request.path}: the server refuses new requests`);
  }

  /** @returns undefined when the server refused it. */
  async #send(request: ApiRequest): Promise<ApiResponse | undefined> {
    const token = this.#options.token?.();
    const headersOut = {
      ":method": request.method,
      ":path": request.path,
      ...request.headers,
      ...(request.body !== undefined && { "content-length": String(request.body.length) }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    // without this Node ends a DELETE at once, and its options could not be sent
    const connection = this.#free();
    const stream = connection.session.request(headersOut, { endStream: request.body === undefined });
    this.#keepAlive(connection, stream);
    abortWith(stream, request.signal);
    if (request.body !== undefined) stream.end(request.body);
    const headers = await new Promise<Record<string, string | string[]> | undefined>((resolve, reject) => {
      const fail = (error: Error): void =>
        stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? resolve(undefined) : reject(error);
      stream.once("response", (received) => resolve(received as Record<string, string | string[]>));
      stream.once("error", fail);
      stream.once("close", () =>
        fail(
          new TsukubeError("unreachable", `Cannot ${request.method} ${request.path}: the server closed the connection`),
        ),
      );
    });
    if (headers === undefined) return undefined;
    const { ":status": status, ...rest } = headers;
    return { status: Number(status), headers: rest, body: stream };
  }

  async close(): Promise<void> {
    for (const { session } of this.#connections) session.destroy();
  }

  #free(): Connection {
    const usable = this.#usable();
    const free = usable.find(({ open, most }) => open < most) ?? usable.find(({ most }) => most === 0);
    if (free !== undefined) return free;
    if (usable.length < MOST_CONNECTIONS) return this.#connect();
    const known = usable.filter(({ isSaid }) => isSaid); // over another, what is too much is refused instead of waiting
    const load = ({ open, most }: Connection): number => open / most;
    return (known.length > 0 ? known : usable).reduce((least, one) => (load(one) < load(least) ? one : least));
  }

  #usable(): readonly Connection[] {
    return [...this.#connections].filter(({ session }) => !session.closed && !session.destroyed);
  }

  /** An idle connection keeps no process alive, and goes unless it is the first. */
  #keepAlive(connection: Connection, stream: ClientHttp2Stream): void {
    const { session } = connection;
    if (connection.open++ === 0) session.ref();
    stream.once("close", () => {
      connection.open -= 1;
      if (connection.open > 0 || session.destroyed) return;
      session.unref();
      if (this.#usable()[0] !== connection) session.close();
    });
  }

  #connect(): Connection {
    const { server, ca, clientCertificate } = this.#options;
    const session = connect(server, { ca, ...clientCertificate, settings: { initialWindowSize: STREAM_WINDOW } });
    const connection: Connection = { session, open: 0, most: this.#streams, isSaid: false };
    session.once("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW));
    session.on("remoteSettings", ({ maxConcurrentStreams }) => {
      this.#streams = connection.most = maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
      connection.isSaid = true;
    });
    session.on("error", () => {}); // each stream reports it
    session.setMaxListeners(0);
    session.once("goaway", () => session.close());
    session.once("close", () => this.#connections.delete(connection));
    session.unref(); // until a request is under way
    this.#connections.add(connection);
    return connection;
  }
}

function abortWith(stream: ClientHttp2Stream, signal: AbortSignal | undefined): void {
  stream.on("error", () => {});
  if (signal === undefined) return;
  const abort = (): void => {
    stream.destroy(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  };
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", abort));
}
