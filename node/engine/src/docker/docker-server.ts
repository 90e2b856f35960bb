import { chmod, chown, mkdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { ListenOptions, Socket } from "node:net";
import { dirname } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { codeOf, messageOf, TsukubeError } from "@tsukube/foundation";
import { removeTree } from "@tsukube/kernel";
import { createWebSocketStream, WebSocketServer } from "ws";
import { diskFull, isDiskFull } from "../images/transfer-errors.ts";
import type { DockerAnswer, DockerDeps, DockerHost, DockerRequest, Hijacked, Route } from "./contracts.ts";
import { dockerGroup } from "./docker-group.ts";
import { checkShape, type Fields } from "./document-shape.ts";
import { routesOf } from "./routes.ts";
import { API_VERSION, MIN_API_VERSION } from "./system-routes.ts";

/** The engine's second face: Docker's Engine API (v1.51). */
export class DockerServer {
  readonly #routes: readonly Route[];
  readonly #deps: DockerDeps;
  readonly #servers: (Server | SecureServer)[] = [];
  readonly #upgraded = new Set<Duplex>();

  constructor(deps: DockerDeps) {
    this.#deps = deps;
    this.#routes = routesOf(deps);
  }

  /** Listens on a unix socket that its owner may use, and who is of the group docker where there is one. */
  async listen(socket: string): Promise<void> {
    await removeTree(this.#deps.uploads);
    await mkdir(this.#deps.uploads, { recursive: true, mode: 0o700 });
    await mkdir(dirname(socket), { recursive: true });
    await rm(socket, { force: true });
    await this.#serveOn(createServer(HTTP_OPTIONS), { path: socket });
    const isRoot = process.getuid?.() === 0 && !this.#deps.isRootless; // others may give nothing away
    const group = isRoot ? dockerGroup() : undefined;
    if (group !== undefined) await chown(socket, 0, group);
    else if (isRoot) this.#deps.logger.info("Docker's API is for root alone: there is no group docker", { socket });
    await chmod(socket, group === undefined ? 0o600 : 0o660);
  }

  /** Listens on TCP for who has a certificate of the authority: who may use the engine is root on this machine. */
  async listenSecurely({ host, port, ...certificates }: DockerHost): Promise<void> {
    // a client that has no more input for a container waits for what it writes
    const options = { ...HTTP_OPTIONS, ...certificates, allowHalfOpen: true };
    const mutual = { requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.2" } as const;
    await this.#serveOn(createSecureServer({ ...options, ...mutual }), { host, port });
  }

  async #serveOn(server: Server | SecureServer, address: ListenOptions): Promise<void> {
    server.on("request", (request, response) => {
      this.#serve(request, response).catch((error: unknown) => this.#end(request, response, error));
    });
    server.on("upgrade", (request, socket, head) => {
      this.#upgrade(request, socket, head).catch((error: unknown) => this.#end(request, socket, error));
    });
    server.requestTimeout = 0; // a build context or an archive takes as long as it takes
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(address, resolve);
    }).catch((cause: unknown) => {
      const at = address.path ?? `tcp://${address.host}:${address.port}`;
      throw new TsukubeError("cannot-listen", `Cannot serve Docker's API at "${at}": ${messageOf(cause)}`, { cause });
    });
    this.#servers.push(server);
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    for (const server of this.#servers) server.closeAllConnections();
    for (const socket of this.#upgraded) socket.destroy();
    await Promise.all(closed);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      await send(response, await this.#answer(request, gone.signal), gone.signal);
    } catch (error) {
      if (gone.signal.aborted) return;
      this.#fail(request, response, error);
    } finally {
      request.resume();
    }
  }

  /** A client that wants the connection for streams. Where there is nothing to stream it gets an ordinary answer. */
  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#upgraded.add(socket);
    const gone = new AbortController();
    socket.once("close", () => {
      this.#upgraded.delete(socket);
      gone.abort();
    });
    socket.on("error", () => {});
    if (head.length > 0) socket.unshift(head);
    let response: ServerResponse | undefined;
    let isStream = false;
    try {
      const answer = await this.#answer(request, gone.signal);
      if ("hijack" in answer) {
        isStream = true;
        if (isWebSocket(request)) return await this.#speakWebSocket(request, socket, answer.hijack, gone.signal);
        const lines = ["HTTP/1.1 101 UPGRADED", `Content-Type: ${answer.type}`, "Connection: Upgrade", "Upgrade: tcp"];
        for (const [name, value] of Object.entries(COMMON_HEADERS)) lines.push(`${name}: ${value}`);
        socket.write(`${lines.join("\r\n")}\r\n\r\n`);
        return await answer.hijack(connectionOf(socket, socket, gone.signal));
      }
      response = plainResponse(request, socket);
      await send(response, answer, gone.signal);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (isStream) this.#end(request, socket, error);
      else this.#fail(request, response ?? plainResponse(request, socket), error);
    }
  }

  /** Its messages are the stream, wherever they begin and end. */
  async #speakWebSocket(
    request: IncomingMessage,
    socket: Duplex,
    hijack: (client: Hijacked) => Promise<void>,
    closed: AbortSignal,
  ): Promise<void> {
    const nothing = Buffer.alloc(0); // what came with the request is in the socket again
    await new Promise<void>((resolve, reject) => {
      new WebSocketServer({ noServer: true }).handleUpgrade(request, socket, nothing, (client) => {
        const stream = createWebSocketStream(client).on("error", () => client.terminate());
        hijack(connectionOf(stream, stream, closed)).then(resolve, reject);
      });
      closed.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** For where a client reads no answer any more. */
  #end(request: IncomingMessage, connection: ServerResponse | Duplex, error: unknown): void {
    this.#deps.logger.warn("a request failed", { url: request.url, error: messageOf(error) });
    connection.destroy();
  }

  /** Says what is wrong where the answer has not begun, and breaks it off where it has. */
  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (statusOf(error) === 500)
      this.#deps.logger.warn("a request failed", { url: request.url, error: messageOf(error) });
    if (response.headersSent) response.destroy();
    else sendJson(response, statusOf(error), { message: said(error) });
  }

  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<DockerAnswer> {
    const url = new URL(request.url ?? "/", "http://docker");
    const [, version, path = ""] = /^(?:\/v(\d+\.\d+))?(\/.*)$/.exec(url.pathname) ?? [];
    if (version !== undefined && isOlder(version, MIN_API_VERSION))
      return refuse(400, `client version ${version} is too old. Minimum supported API version is ${MIN_API_VERSION}`);
    if (version !== undefined && isOlder(API_VERSION, version))
      return refuse(400, `client version ${version} is too new. Maximum supported API version is ${API_VERSION}`);
    const method = request.method ?? "GET";
    for (const route of this.#routes) {
      const match = route.path.exec(path);
      if (match === null || route.method !== method) continue;
      const parsed: DockerRequest = {
        method,
        parameters: match.slice(1).map((part) => decoded(part ?? "")),
        query: url.searchParams,
        header: (name) => request.headers[name.toLowerCase()]?.toString(),
        body: request,
        async json<T>(fields: Fields<T>) {
          const document = await documentIn<T>(request);
          checkShape(document, { fields });
          return document;
        },
        signal,
      };
      return route.handle(parsed);
    }
    if (/^\/(swarm|services|nodes|tasks|secrets|configs)/.test(path))
      return refuse(503, "This node is not a swarm manager. There is no swarm mode here: use Kubernetes objects.");
    if (method === "GET" && path === "/plugins") return { status: 200, json: [] };
    const plugin = /^\/plugins\/(.+)\/json$/.exec(path)?.[1];
    if (plugin !== undefined) return refuse(404, `plugin "${plugin}" not found`);
    if (/^\/(plugins|session|grpc|containers\/[^/]+\/(checkpoints))/.test(path))
      return refuse(501, `${method} ${path} is not there yet`);
    return refuse(404, "page not found");
  }
}

/** X-Registry-Config has the tokens of every registry that a client is logged in to. */
const MAX_HEADERS = 1024 * 1024;
const HTTP_OPTIONS = {
  maxHeaderSize: MAX_HEADERS,
  shouldUpgradeCallback: (request: IncomingMessage) =>
    request.headers.upgrade?.toLowerCase() === "tcp" || isWebSocket(request),
};

/** Of those that may be: others are answered as if nobody had asked. */
function isWebSocket({ headers, url = "" }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === "websocket" && /\/attach\/ws(\?|$)/.test(url);
}

const COMMON_HEADERS = {
  "Api-Version": API_VERSION,
  "Docker-Experimental": "false",
  "Builder-Version": "1",
  Ostype: "linux",
  Server: "Tsukube",
};

/** For a client that wanted streams, on the connection that was meant for them. */
function plainResponse(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.once("finish", () => socket.end());
  for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
  return response;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new TsukubeError("invalid", `invalid URL: cannot decode "${part}"`, { cause });
  }
}

function refuse(status: number, message: string): DockerAnswer {
  return { status, json: { message } };
}

/** What clients are told. */
function said(error: unknown): string {
  const isTold = codeOf(error) === "disk-full" || !isDiskFull(error);
  return messageOf(isTold ? error : diskFull("go on", error));
}

/** One table from codes to HTTP. */
function statusOf(error: unknown): number {
  switch (codeOf(error)) {
    case "invalid":
    case "invalid-reference":
    case "usage":
      return 400;
    case "unauthorized":
      return 401;
    case "not-found":
    case "no-platform":
      return 404;
    case "in-use":
    case "conflict":
    case "wrong-state":
      return 409;
    case "forbidden":
      return 403;
    case "no-such-user":
      return 400;
    case "unsupported":
      return 501;
    default:
      return 500;
  }
}

async function send(response: ServerResponse, answer: DockerAnswer, signal: AbortSignal): Promise<void> {
  if ("messages" in answer) return sendMessages(response, answer.messages);
  if ("later" in answer) return sendLater(response, answer.later);
  if ("hijack" in answer) {
    response.setHeader("Content-Type", answer.type);
    response.flushHeaders();
    return answer.hijack(connectionOf(response.req, response, signal));
  }
  if ("bytes" in answer) {
    response.setHeader("Content-Type", answer.type);
    for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
    response.flushHeaders();
    return pipeline(answer.bytes, response, { signal });
  }
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value);
  sendJson(response, answer.status, answer.json);
}

function sendJson(response: ServerResponse, status: number, json: unknown): void {
  response.statusCode = status;
  if (json === undefined) {
    response.end();
    return;
  }
  const body = typeof json === "string" ? json : `${JSON.stringify(json)}\n`;
  response.setHeader("Content-Type", typeof json === "string" ? "text/plain; charset=utf-8" : "application/json");
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}

/** Who waits for a document must know that the request was understood. */
async function sendLater(response: ServerResponse, later: Promise<unknown>): Promise<void> {
  response.setHeader("Content-Type", "application/json");
  response.flushHeaders();
  response.end(`${JSON.stringify(await later)}\n`);
}

function connectionOf(input: Readable, output: Writable, closed: AbortSignal): Hijacked {
  return {
    input,
    async write(chunk) {
      if (closed.aborted || output.write(chunk)) return;
      await new Promise<void>((resolve) => {
        output.once("drain", resolve);
        closed.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    end: () => void output.end(),
    closed,
  };
}

async function documentIn<T>(request: IncomingMessage): Promise<T> {
  const body = await text(request);
  if (body.trim() === "") return {} as T;
  try {
    const document: unknown = JSON.parse(body);
    if (typeof document === "object" && document !== null && !Array.isArray(document)) return document as T;
    if (document === null) return {} as T;
  } catch (cause) {
    throw new TsukubeError("invalid", "invalid JSON: expected a document", { cause });
  }
  throw new TsukubeError("invalid", "invalid JSON: expected an object");
}

/** As Docker does: once a stream has begun, a failure is its last message. Before its first message it is an HTTP status. */
async function sendMessages(
  response: ServerResponse,
  work: (send: (message: object) => void) => Promise<void>,
): Promise<void> {
  response.setHeader("Content-Type", "application/json");
  const write = (message: object): void => {
    response.write(`${JSON.stringify(message)}\r\n`);
  };
  try {
    await work(write);
  } catch (error) {
    if (!response.headersSent) throw error;
    const message = said(error);
    write({ errorDetail: { message }, error: message });
  }
  response.end();
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
