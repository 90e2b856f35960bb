import { readFileSync } from "node:fs";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { createSecureContext, type SecureContext } from "node:tls";
import { type Cancel, type Clock, TsukubeError } from "@tsukube/foundation";
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

/** How long a further connection is kept without requests, as by Go's client. */
const IDLE_MS = 90_000;

/** What ends a request that was not sent yet, and is over another connection then. */
const UNSENT = new TsukubeError("unreachable", "Cannot send the request: the server takes no more over the connection");

/**
 * Requests over HTTP/2 connections, made when needed: one as long as the server takes all requests over it. Those that find no place wait
 * for the next that is free on any connection, first come, first served; as they do for a server that takes none for now. Connections
 * beyond the first are closed when they had no request for 90 s.
 */
export function createHttpTransport(options: HttpTransportOptions, clock: Clock): Transport {
  return new Http2Transport(options, clock);
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
  readonly streams: Set<ClientHttp2Stream>;
  /** Streams that there may be. */
  most: number;
  /** Stops what closes it when it was idle for long. */
  stay?: Cancel | undefined;
}

interface Waiter {
  begin(connection: Connection): void;
  fail(error: Error): void;
}

class Http2Transport implements Transport {
  readonly #options: HttpTransportOptions;
  readonly #clock: Clock;
  readonly #connections = new Set<Connection>();
  #context: SecureContext | undefined;
  /** Requests without a place, oldest first; while there are any no place is free. */
  readonly #waiting = new Set<Waiter>();
  /** Streams that the server said last that it takes over a connection, when it takes any. */
  #streams = INITIAL_STREAMS;

  constructor(options: HttpTransportOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    for (let refusals = 0; refusals < MOST_REFUSALS; refusals += 1) {
      const free = this.#free();
      const response = await (free ? answerTo(request, this.#begin(request, free)) : this.#wait(request));
      if (response !== undefined) return response;
    }
    throw new TsukubeError("unreachable", `Cannot ${request.method} ${request.path}: the server refuses new requests`);
  }

  async close(): Promise<void> {
    const closed = new TsukubeError("unreachable", "Cannot send the request: the transport is closed");
    for (const waiter of this.#waiting) waiter.fail(closed);
    for (const { session, stay } of this.#connections) {
      stay?.();
      session.destroy();
    }
  }

  /** A connection with a place, a new one when need be. @returns undefined when the request has to wait. */
  #free(): Connection | undefined {
    let [usable, isPaused] = [0, false];
    for (const connection of this.#connections) {
      if (!isUsable(connection)) continue;
      if (connection.streams.size < connection.most) return connection;
      usable += 1;
      isPaused ||= connection.most === 0;
    }
    return isPaused || usable >= MOST_CONNECTIONS ? undefined : this.#connect();
  }

  #begin(request: ApiRequest, connection: Connection): ClientHttp2Stream {
    const token = this.#options.token?.();
    const headers = {
      ":method": request.method,
      ":path": request.path,
      ...request.headers,
      ...(request.body !== undefined && { "content-length": String(request.body.length) }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
    const { session, streams } = connection;
    // without this Node ends a DELETE at once, and its options could not be sent
    const stream = session.request(headers, { endStream: request.body === undefined });
    connection.stay?.();
    connection.stay = undefined;
    if (streams.size === 0) session.ref();
    streams.add(stream);
    stream.once("close", () => {
      streams.delete(stream);
      this.#serve();
      this.#rest(connection);
    });
    abortWith(stream, request.signal);
    if (request.body !== undefined) stream.end(request.body);
    return stream;
  }

  #wait(request: ApiRequest): Promise<ApiResponse | undefined> {
    const { signal } = request;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener("abort", abort);
        for (const connection of this.#connections) this.#rest(connection);
      };
      const fail = (error: unknown): void => {
        reject(error);
        leave();
      };
      const abort = (): void => fail(reasonOf(signal));
      const waiter: Waiter = {
        fail,
        begin: (connection) => {
          try {
            resolve(answerTo(request, this.#begin(request, connection)));
            leave();
          } catch (error) {
            fail(error);
          }
        },
      };
      this.#waiting.add(waiter);
      for (const { session } of this.#connections) session.ref();
      if (signal?.aborted) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Gives those who wait the places that are free. */
  #serve(): void {
    for (const waiter of this.#waiting) {
      const free = this.#free();
      if (free === undefined) return;
      waiter.begin(free);
    }
  }

  /** An idle connection keeps no process alive unless somebody waits for it, and goes after some time unless it is the first. */
  #rest(connection: Connection): void {
    const { session, streams } = connection;
    if (streams.size > 0 || this.#waiting.size > 0 || session.destroyed) return;
    session.unref();
    if (this.#isFirst(connection)) return;
    const leave = (): void => {
      if (!this.#isFirst(connection)) session.close();
    };
    connection.stay ??= this.#clock.after(IDLE_MS, leave, { background: true });
  }

  #isFirst(connection: Connection): boolean {
    for (const one of this.#connections) if (isUsable(one)) return one === connection;
    return false;
  }

  /** Made once: parsing keys costs more than a connection that is refused. */
  #trust(): SecureContext {
    const { ca, clientCertificate } = this.#options;
    this.#context ??= createSecureContext({ ca, allowPartialTrustChain: true, ...clientCertificate });
    return this.#context;
  }

  #connect(): Connection {
    const session = connect(this.#options.server, {
      secureContext: this.#trust(),
      settings: { initialWindowSize: STREAM_WINDOW },
    });
    const connection: Connection = { session, streams: new Set(), most: this.#streams };
    session.once("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW));
    session.on("remoteSettings", ({ maxConcurrentStreams }) => {
      connection.most = maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
      if (connection.most > 0) this.#streams = connection.most; // whoever takes none for now may say otherwise over the next
      if (connection.streams.size > connection.most) withdraw(connection);
      this.#serve();
    });
    session.on("error", () => {}); // each stream reports it
    session.setMaxListeners(0);
    session.on("goaway", () => {
      session.close();
      withdraw(connection);
      this.#serve();
    });
    session.once("close", () => {
      connection.stay?.();
      this.#connections.delete(connection);
      this.#serve();
    });
    session.unref(); // until a request is under way
    this.#connections.add(connection);
    return connection;
  }
}

function isUsable({ session }: Connection): boolean {
  return !session.closed && !session.destroyed;
}

/** Ends the streams that Node still holds back, which it does for ever when the connection takes no more. */
function withdraw({ streams }: Connection): void {
  for (const stream of streams) {
    if (stream.state.state === constants.NGHTTP2_STREAM_STATE_IDLE) stream.destroy(UNSENT);
  }
}

/** @returns undefined when the server did not begin with it. */
async function answerTo(request: ApiRequest, stream: ClientHttp2Stream): Promise<ApiResponse | undefined> {
  const headers = await new Promise<Record<string, string | string[]> | undefined>((resolve, reject) => {
    const fail = (error: Error): void =>
      error === UNSENT || stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? resolve(undefined) : reject(error);
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

function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error("aborted");
}

function abortWith(stream: ClientHttp2Stream, signal: AbortSignal | undefined): void {
  stream.on("error", () => {});
  if (signal === undefined) return;
  const abort = (): void => void stream.destroy(reasonOf(signal));
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", abort));
}
