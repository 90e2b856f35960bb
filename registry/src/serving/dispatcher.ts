import type { IncomingMessage, ServerResponse } from "node:http";
import { type Logger, messageOf } from "@tsukube/foundation";
import type { Guard, Scope } from "../access/access.ts";
import { RegistryError } from "../registry-error.ts";
import type { BlobHandler } from "./blob-handler.ts";
import { Call } from "./call.ts";
import type { ListHandler } from "./list-handler.ts";
import type { ManifestHandler } from "./manifest-handler.ts";
import { type Route, routeOf } from "./route.ts";
import { mountSource, type UploadHandler } from "./upload-handler.ts";

interface Deps {
  readonly guard: Guard;
  readonly blobs: Pick<BlobHandler, "handle">;
  readonly uploads: UploadHandler;
  readonly manifests: ManifestHandler;
  readonly lists: ListHandler;
  /** Whether nothing may be pushed or deleted: a cache. */
  readonly readOnly: boolean;
  readonly logger: Logger;
}

/** Takes a request to its handler: route, guard, then the deed. What goes wrong becomes an error document. */
export class Dispatcher {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader("docker-distribution-api-version", "registry/2.0");
    response.setHeader("x-content-type-options", "nosniff");
    try {
      await this.#serve(request, response);
    } catch (error) {
      if (response.destroyed) return; // the client went away, which is no event
      this.#refuse(request, response, error);
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = urlOf(request);
    const route = url === undefined ? undefined : routeOf(decoded(url.pathname));
    if (url === undefined || route === undefined)
      throw new RegistryError(
        "UNSUPPORTED",
        `Cannot find "${request.url ?? ""}": expected a path of the distribution API`,
        {
          status: 404,
        },
      );
    const method = request.method ?? "GET";
    const reads = method === "GET" || method === "HEAD";
    const address = request.socket.remoteAddress ?? "";
    const scopes = scopesOf(route, method, url);
    const visitor = await this.#deps.guard.admit(request.headers.authorization, scopes, address);
    if (this.#deps.readOnly && !reads)
      throw new RegistryError(
        "UNSUPPORTED",
        `Cannot ${method} "${url.pathname}": this registry is a cache of another one`,
      );
    await this.#handle(route, new Call(request, response, url, visitor));
  }

  #handle(route: Route, call: Call): void | Promise<void> {
    const { blobs, uploads, manifests, lists } = this.#deps;
    switch (route.kind) {
      case "root":
        return call.json({});
      case "catalog":
        return lists.catalog(call);
      case "tags":
        return lists.tags(call, route.name);
      case "blob":
        return blobs.handle(call, route.name, route.digest);
      case "uploads":
        return uploads.begin(call, route.name);
      case "upload":
        return uploads.handle(call, route.name, route.id);
      case "manifest":
        return manifests.handle(call, route.name, route.reference);
      case "referrers":
        return manifests.referrers(call, route.name, route.digest);
    }
  }

  #refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const refusal = error instanceof RegistryError ? error : undefined;
    if (refusal === undefined)
      this.#deps.logger.error("a request failed", {
        method: request.method,
        path: request.url,
        error: messageOf(error),
      });
    if (response.headersSent) {
      response.destroy(); // in the middle of a blob: the client must not take it for whole
      return;
    }
    const { status, headers, body } =
      refusal ?? new RegistryError("UNKNOWN", "Cannot answer: something went wrong here; the registry's log says what");
    response.writeHead(status, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      ...headers,
    });
    response.end(body);
  }
}

function urlOf(request: IncomingMessage): URL | undefined {
  return URL.canParse(request.url ?? "", "http://registry") ? new URL(request.url ?? "", "http://registry") : undefined;
}

/** Clients may write ":" as "%3A". */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return "";
  }
}

/** What a request needs: the first, and what would be good to have. */
function scopesOf(route: Route, method: string, url: URL): readonly Scope[] {
  if (route.kind === "root") return [];
  if (route.kind === "catalog") return [{ type: "registry", name: "catalog", actions: ["*"] }];
  const { name } = route;
  const isUpload = route.kind === "uploads" || route.kind === "upload";
  if (!isUpload && (method === "GET" || method === "HEAD")) return [{ type: "repository", name, actions: ["pull"] }];
  if (!isUpload && method === "DELETE") return [{ type: "repository", name, actions: ["delete"] }];
  const push: Scope = { type: "repository", name, actions: ["pull", "push"] };
  const from = route.kind === "uploads" ? mountSource(url) : undefined;
  return from === undefined ? [push] : [push, { type: "repository", name: from, actions: ["pull"] }];
}
