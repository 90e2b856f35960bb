import { chmod, mkdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { codeOf, messageOf } from "@tsukube/foundation";
import { buildRoutes } from "./build-routes.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { imageRoutes } from "./image-routes.ts";
import { API_VERSION, MIN_API_VERSION, systemRoutes } from "./system-routes.ts";

/** The engine's second face: the part of Docker's Engine API (v1.51) that deals with images and builds. */
export class DockerServer {
  readonly #routes: readonly Route[];
  readonly #deps: DockerDeps;
  readonly #server: Server;

  constructor(deps: DockerDeps) {
    this.#deps = deps;
    this.#routes = [...systemRoutes(deps), ...imageRoutes(deps), ...buildRoutes(deps)];
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.requestTimeout = 0; // a build context or an archive takes as long as it takes
  }

  /** Listens on a unix socket that only its owner may use. */
  async listen(socket: string): Promise<void> {
    await rm(this.#deps.uploads, { recursive: true, force: true });
    await mkdir(this.#deps.uploads, { recursive: true, mode: 0o700 });
    await mkdir(dirname(socket), { recursive: true });
    await rm(socket, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(socket, resolve);
    });
    await chmod(socket, 0o600);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(COMMON_HEADERS)) response.setHeader(name, value);
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      await send(response, await this.#answer(request, gone.signal), gone.signal);
    } catch (error) {
      if (gone.signal.aborted) return;
      if (statusOf(error) === 500)
        this.#deps.logger.warn("a request failed", { url: request.url, error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else sendJson(response, statusOf(error), { message: messageOf(error) });
    } finally {
      request.resume();
    }
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
        parameters: match.slice(1).map((part) => decodeURIComponent(part ?? "")),
        query: url.searchParams,
        header: (name) => request.headers[name.toLowerCase()]?.toString(),
        body: request,
        signal,
      };
      return route.handle(parsed);
    }
    const inspected = /^\/containers\/([^/]+)\/json$/.exec(path)?.[1];
    if (inspected !== undefined) return refuse(404, `No such container: ${inspected}`); // `docker inspect` asks here first
    if (/^\/(containers|exec|networks|volumes|commit|events|system|swarm|plugins|session|grpc)/.test(path)) {
      const what = `${method} ${path}`;
      return refuse(
        501,
        `${what} is not there yet: this engine serves images and builds here, and containers through the CRI`,
      );
    }
    return refuse(404, "page not found");
  }
}

const COMMON_HEADERS = {
  "Api-Version": API_VERSION,
  "Docker-Experimental": "false",
  "Builder-Version": "1",
  Ostype: "linux",
  Server: "Tsukube",
};

function refuse(status: number, message: string): DockerAnswer {
  return { status, json: { message } };
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
    case "wrong-state":
      return 409;
    case "unsupported":
      return 501;
    default:
      return 500;
  }
}

async function send(response: ServerResponse, answer: DockerAnswer, signal: AbortSignal): Promise<void> {
  if ("messages" in answer) return sendMessages(response, answer.messages);
  if ("bytes" in answer) {
    response.setHeader("Content-Type", answer.type);
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
    const message = messageOf(error);
    write({ errorDetail: { message }, error: message });
  }
  response.end();
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split(".").map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
