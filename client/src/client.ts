import { ApiError, type GroupVersionResource, type KubeObject } from "@tsukube/api";
import type { Status } from "@tsukube/api/types/meta-v1";
import type { Clock, Logger } from "@tsukube/foundation";
import { assertSuccess, decodeBody, encodeBody, readValue } from "./body.ts";
import { jsonLines } from "./json-lines.ts";
import { deleteBody, listQuery, resourcePath, watchQuery, writeQuery } from "./paths.ts";
import type { ApiResponse, Transport } from "./transport.ts";
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ObjectList,
  Patch,
  ResourceClient,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./types.ts";

export interface ClientDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names the writer in managedFields up to the first "/", such as "tsukube-controllers/0.1.0". */
  readonly userAgent: string;
}

/** A client over a transport, which the client closes with itself. */
export function createClient(transport: Transport, deps: ClientDeps): Client {
  const requester = new Requester(transport, deps);
  return {
    resource: <T extends KubeObject>(gvr: GroupVersionResource, namespace = "") =>
      new HttpResourceClient<T>(requester, gvr, namespace),
    raw: async (method, path, body) => readValue(await requester.send(method, path, body)),
    close: () => transport.close(),
  };
}

const PATCH_TYPES: Readonly<Record<Patch["type"], string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** Sends requests, logs what the server warns about. */
class Requester {
  readonly #transport: Transport;
  readonly #deps: ClientDeps;

  constructor(transport: Transport, deps: ClientDeps) {
    this.#transport = transport;
    this.#deps = deps;
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    more: { readonly contentType?: string; readonly signal?: AbortSignal } = {},
  ): Promise<ApiResponse> {
    const work = this.#transport.request({
      method,
      path,
      headers: {
        accept: "application/json",
        "user-agent": this.#deps.userAgent,
        ...(body === undefined ? {} : { "content-type": more.contentType ?? "application/json" }),
      },
      ...(body === undefined ? {} : { body: encodeBody(body) }),
      ...(more.signal === undefined ? {} : { signal: more.signal }),
    });
    const response = await this.#deps.clock.track(work);
    const warning = response.headers["warning"];
    if (warning !== undefined) this.#deps.logger.warn("server warns", { method, path, warning });
    return response;
  }
}

class HttpResourceClient<T extends KubeObject> implements ResourceClient<T> {
  readonly #requester: Requester;
  readonly #gvr: GroupVersionResource;
  readonly #namespace: string;

  constructor(requester: Requester, gvr: GroupVersionResource, namespace: string) {
    this.#requester = requester;
    this.#gvr = gvr;
    this.#namespace = namespace;
  }

  in(namespace: string): ResourceClient<T> {
    return new HttpResourceClient<T>(this.#requester, this.#gvr, namespace);
  }

  get(name: string): Promise<T> {
    return this.#call<T>("GET", this.#path(name));
  }

  async list(options: ListOptions = {}): Promise<ObjectList<T>> {
    const list = await this.#call<ObjectList<T> & KubeObject>("GET", this.#path("") + listQuery(options));
    const kind = list.kind?.replace(/List$/, "");
    // Items of typed lists come without their kind; everything that holds an object relies on it.
    const items = (list.items ?? []).map((item) => Object.freeze({ apiVersion: list.apiVersion, kind, ...item }) as T);
    return { metadata: list.metadata, items };
  }

  create(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#call<T>("POST", this.#path("", "", object) + writeQuery(options), object);
  }

  update(object: T, options: WriteOptions & { readonly subresource?: string } = {}): Promise<T> {
    const path = this.#path(nameOf(object), options.subresource, object);
    return this.#call<T>("PUT", path + writeQuery(options), object);
  }

  updateStatus(object: T, options: WriteOptions = {}): Promise<T> {
    return this.update(object, { ...options, subresource: "status" });
  }

  async patch(name: string, patch: Patch, options: WriteOptions & { readonly subresource?: string } = {}): Promise<T> {
    const apply = patch.type === "apply" ? { fieldManager: patch.fieldManager, force: patch.force === true } : {};
    const path = this.#path(name, options.subresource) + writeQuery({ ...options, ...apply });
    const contentType = PATCH_TYPES[patch.type];
    return readValue<T>(await this.#requester.send("PATCH", path, patch.body, { contentType }));
  }

  async delete(name: string, options: DeleteOptions = {}): Promise<void> {
    await this.#call("DELETE", this.#path(name), deleteBody(options));
  }

  async deleteCollection(options: DeleteOptions & ListOptions = {}): Promise<void> {
    await this.#call("DELETE", this.#path("") + listQuery(options), deleteBody(options));
  }

  async *watch(options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const more = options.signal === undefined ? {} : { signal: options.signal };
    const response = await this.#requester.send("GET", this.#path("") + watchQuery(options), undefined, more);
    await assertSuccess(response);
    for await (const line of jsonLines(response.body)) {
      const event = decodeBody<WatchEvent<T> | { readonly type: "ERROR"; readonly object: Status }>(line);
      if (event.type === "ERROR") throw new ApiError(event.object);
      yield event;
    }
  }

  getSubresource<S extends KubeObject>(name: string, subresource: string): Promise<S> {
    return this.#call<S>("GET", this.#path(name, subresource));
  }

  createSubresource<S extends KubeObject, R = S>(name: string, subresource: string, body: S): Promise<R> {
    return this.#call<R>("POST", this.#path(name, subresource), body);
  }

  async #call<R>(method: string, path: string, body?: unknown): Promise<R> {
    return readValue<R>(await this.#requester.send(method, path, body));
  }

  #path(name: string, subresource?: string, object?: T): string {
    return resourcePath(this.#gvr, object?.metadata?.namespace ?? this.#namespace, name, subresource);
  }
}

function nameOf(object: KubeObject): string {
  const name = object.metadata?.name;
  if (name === undefined) throw ApiError.badRequest("Cannot update an object: it has no name, expected metadata.name");
  return name;
}
