import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { pipeline, type Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { ObjectMeta, Status } from "@tsukube/api/types/meta-v1";
import { type ApiResponse, createHttpTransport, lines, type Transport } from "@tsukube/client";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import {
  type CertificateAuthority,
  createAuthorityKeys,
  createSigningKey,
  openAuthority,
} from "@tsukube/host/certificates";
import { MemoryStore } from "@tsukube/store";
import { vi } from "vitest";
import { WebSocket } from "ws";
import { type ApiServerOptions, startApiServer } from "../src/server.ts";

/** An object, a list, a Table, a Status: whatever an answer holds. */
export interface Held extends Pick<Status, "code" | "reason" | "message" | "details"> {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata?: ObjectMeta & { readonly continue?: string; readonly remainingItemCount?: number };
  readonly items?: readonly Held[];
  readonly [name: string]: unknown;
}

export interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  /** The body, where it is a JSON object; {} where it is not. */
  readonly object: Held;
}

/** One event of a watch in JSON. */
export interface WatchEvent {
  readonly type: string;
  readonly object: Held;
}

type Headers = Readonly<Record<string, string>>;

/** An API server on a port of its own, in real time. */
export interface WireServer {
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly authority: CertificateAuthority;
  /** As system:masters. */
  readonly admin: WireClient;
  clientOf(name: string, groups?: readonly string[]): Promise<WireClient>;
  /** Without a certificate. @param token Bearer token; none: without credentials. */
  clientWith(token?: string): WireClient;
  close(): Promise<void>;
}

/**
 * Starts one in memory. Where TSUKUBE_PEER names a file that {@link Peer} describes, that server is spoken to instead: what tests
 * over the wire expect can be held against kube-apiserver.
 */
export async function startWireServer(options: Partial<ApiServerOptions> = {}): Promise<WireServer> {
  const lifetime = new Lifetime();
  const peer = peerOfTests();
  const keys = peer ?? (await createAuthorityKeys("ca", realClock, systemRandom));
  const authority = await openAuthority(keys, realClock, systemRandom);
  const port = peer?.port ?? (await ownServer(lifetime, authority, keys.cert, options));
  const ca = keys.cert;
  const client = (options: object): WireClient => lifetime.own("client", new WireClient(port, ca, options));
  const clientOf = async (commonName: string, organizations: readonly string[] = []): Promise<WireClient> =>
    client({ pair: await authority.issue({ commonName, organizations, usages: ["client"] }) });
  return {
    ...{ port, ca, authority, clientOf },
    admin: await clientOf("admin", ["system:masters"]),
    clientWith: (token) => client(token === undefined ? {} : { token }),
    close: () => lifetime.close(),
  };
}

async function ownServer(
  lifetime: Lifetime,
  authority: CertificateAuthority,
  ca: string,
  options: Partial<ApiServerOptions>,
): Promise<number> {
  const serving = await authority.issue({ commonName: "s", sans: ["127.0.0.1"], usages: ["server"] });
  const store = new MemoryStore({ clock: realClock });
  const kubeletClient = await authority.issue({ commonName: "kubelet-client", usages: ["client"] });
  const server = await startApiServer({
    openStore: async () => store,
    clock: realClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    serviceAccountKey: await createSigningKey(),
    serviceCidr: "10.0.0.0/24",
    nodePorts: { first: 30000, last: 32767 },
    advertise: { address: "192.0.2.10", port: 6443 },
    tls: { ...serving, clientCa: ca },
    kubelets: { ...kubeletClient, ca },
    ...options,
  });
  lifetime.own("server", server);
  return server.listen("127.0.0.1", 0);
}

/** A kube-apiserver on 127.0.0.1, and the authority whose certificates it believes. */
interface Peer {
  readonly port: number;
  readonly cert: string;
  readonly key: string;
}

function peerOfTests(): Peer | undefined {
  const path = process.env["TSUKUBE_PEER"];
  return path === undefined ? undefined : (JSON.parse(readFileSync(path, "utf8")) as Peer);
}

/** For the few tests whose subject kube-apiserver does otherwise; each says why. */
export const isPeer = process.env["TSUKUBE_PEER"] !== undefined;

interface Credentials {
  readonly pair?: { readonly cert: string; readonly key: string };
  readonly token?: string;
}

/** Speaks HTTP/2 and HTTP/1.1 to a {@link WireServer}, with the bytes that a test gives. */
export class WireClient {
  /** HTTP/2. */
  readonly transport: Transport;
  readonly #port: number;
  readonly #ca: string;
  readonly #credentials: Credentials;

  constructor(port: number, ca: string, credentials: Credentials) {
    this.#port = port;
    this.#ca = ca;
    this.#credentials = credentials;
    const { pair, token } = credentials;
    const options = {
      ...{ server: `https://127.0.0.1:${port}`, ca },
      ...(pair !== undefined && { clientCertificate: pair }),
      ...(token !== undefined && { token: () => token }),
    };
    this.transport = createHttpTransport(options, realClock);
  }

  /** @param body Bytes as they are, anything else as JSON. */
  async send(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
    const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    const { status, ...response } = await this.transport.request({
      ...{ method, path, headers: { ...(body !== undefined && { "content-type": type }), ...headers } },
      ...(body !== undefined && { body: bytesOf(body) }),
    });
    return answerOf(status, response.headers, response.body);
  }

  get(path: string, headers: Headers = {}): Promise<Answer> {
    return this.send("GET", path, undefined, headers);
  }

  /** As {@link send}, over HTTP/1.1. */
  async sendPlain(method: string, path: string, body?: unknown, headers: Headers = {}): Promise<Answer> {
    const type = body === undefined ? {} : { "content-type": "application/json" };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = httpsRequest({
        ...this.connection,
        method,
        path,
        headers: { ...type, ...this.#bearer(), ...headers },
      });
      sent.once("response", resolve).once("error", reject);
      sent.end(body === undefined ? undefined : bytesOf(body));
    });
    return answerOf(response.statusCode ?? 0, response.headers, response);
  }

  /** Begins a watch. @throws {Error} with the answer when it is refused. */
  async watch(path: string, headers: Headers = {}): Promise<WireWatch> {
    const end = new AbortController();
    const response = await this.transport.request({ method: "GET", path, headers, signal: end.signal });
    if (response.status !== 200) {
      const { code, body } = await answerOf(response.status, response.headers, response.body);
      throw new Error(`${code} ${body}`);
    }
    const isPacked = response.headers["content-encoding"] === "gzip";
    return new WireWatch(response.headers, isPacked ? unpacked(response.body) : response.body, end);
  }

  /** Makes a CustomResourceDefinition, and waits until what it defines is served. */
  async define(definition: Held): Promise<void> {
    const made = await this.send("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
    if (made.code !== 201) throw new Error(`${made.code} ${made.body}`);
    const { group, names, versions } = made.object["spec"] as DefinitionSpec;
    const served = versions
      .filter((version) => version.served)
      .map(({ name }) => `/apis/${group}/${name}/${names.plural}`);
    await vi.waitFor(async () => {
      for (const path of served) if ((await this.get(path)).code !== 200) throw new Error(`${path} is not served`);
    }, WAIT);
  }

  /** @param path May have a query. */
  socket(path: string, protocols: readonly string[] = [], headers: Headers = {}): WebSocket {
    const options = { ...this.connection, origin: "https://localhost", headers: { ...this.#bearer(), ...headers } };
    return new WebSocket(`wss://127.0.0.1:${this.#port}${path}`, [...protocols], options);
  }

  /** For connections that a test makes by itself. */
  get connection(): RequestOptions {
    return { host: "127.0.0.1", port: this.#port, ca: this.#ca, ...this.#credentials.pair, agent: false };
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  #bearer(): Headers {
    const { token } = this.#credentials;
    return token === undefined ? {} : { authorization: `Bearer ${token}` };
  }
}

interface DefinitionSpec {
  readonly group: string;
  readonly names: { readonly plural: string };
  readonly versions: readonly { readonly name: string; readonly served: boolean }[];
}

const WAIT = { timeout: 30_000, interval: 20 };

/** A watch under way. */
export class WireWatch {
  readonly headers: Answer["headers"];
  readonly #lines: AsyncGenerator<Uint8Array, void>;
  readonly #end: AbortController;

  constructor(headers: Answer["headers"], body: ApiResponse["body"], end: AbortController) {
    this.headers = headers;
    this.#lines = lines(body);
    this.#end = end;
  }

  /** undefined: the server ended it. */
  async next(): Promise<WatchEvent | undefined> {
    const { value } = await this.#lines.next();
    return value === undefined ? undefined : (JSON.parse(Buffer.from(value).toString()) as WatchEvent);
  }

  /** The next event that is no bookmark: kube-apiserver sends some by itself. */
  async change(): Promise<WatchEvent | undefined> {
    for (;;) {
      const event = await this.next();
      if (event?.type !== "BOOKMARK") return event;
    }
  }

  async take(count: number): Promise<readonly WatchEvent[]> {
    const events: WatchEvent[] = [];
    for (let event = await this.next(); event !== undefined; event = await this.next()) {
      events.push(event);
      if (events.length === count) break;
    }
    return events;
  }

  close(): void {
    this.#end.abort();
  }
}

function unpacked(body: ApiResponse["body"]): AsyncIterable<Uint8Array> {
  const gunzip = createGunzip();
  pipeline(body as Readable, gunzip, () => {}); // an end in the middle is the test's own
  return gunzip;
}

function bytesOf(body: unknown): Uint8Array {
  return body instanceof Uint8Array ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

async function answerOf(code: number, headers: Answer["headers"], stream: ApiResponse["body"]): Promise<Answer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream instanceof Uint8Array ? [stream] : stream) pieces.push(piece);
  const body = Buffer.concat(pieces);
  const isJson = body[0] === 0x7b && !String(headers["content-type"]).includes("protobuf");
  return { code, headers, body, object: isJson ? (JSON.parse(body.toString()) as Held) : {} };
}
