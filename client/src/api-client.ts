import {
  ApiError,
  apiVersionOf,
  decodeUnstructured,
  encodeUnstructured,
  type GroupVersionResource,
  type Json,
  type KubeObject,
} from "@tsukube/api";
import type { Status } from "@tsukube/api/types/meta-v1";
import type { Clock, Logger } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { Discovery } from "./discovery.ts";
import { MetadataEvent } from "./metadata-event.ts";
import type { ApiResponse, Transport } from "./transport.ts";
import type {
  Client,
  DeleteOptions,
  ListOptions,
  ObjectList,
  Patch,
  RequestOptions,
  ResourceClient,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from "./types.ts";

export interface ClientOptions {
  /** Names the caller to the server and in managedFields, up to the first slash. */
  readonly userAgent: string;
  /** Learns of each request in flight, so that a virtual clock knows when the world has settled; tells when to ask again. Real by default. */
  readonly clock?: Clock;
  /** Hears the warnings of the server. */
  readonly logger?: Logger;
}

/** A client over a transport. Failures are {@link ApiError} with the server's Status. */
export function createClient(transport: Transport, options: ClientOptions): Client {
  const connection = new Connection(transport, options);
  const discovery = new Discovery(
    (path, headers) => connection.send("GET", path, { headers }),
    async ({ body }) => decode(await whole(body)),
  );
  return {
    resource: <T extends KubeObject>(resource: GroupVersionResource, namespace = ""): ResourceClient<T> =>
      new Resource<T>(connection, resource, namespace),
    raw: (method, path, body) => connection.call(method, path, { body }),
    discover: async () => (await discovery.all()).resources,
    discoverAll: () => discovery.all(),
    close: () => transport.close(),
  };
}

/** As client-go. */
const MOST_RETRIES = 10;

const CONTENT_TYPES: Readonly<Record<Patch["type"], string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

const METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

interface Sent {
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

class Connection {
  readonly #transport: Transport;
  readonly #options: ClientOptions;

  constructor(transport: Transport, options: ClientOptions) {
    this.#transport = transport;
    this.#options = options;
  }

  async call<T>(method: string, path: string, sent: Sent = {}): Promise<T> {
    const response = await this.send(method, path, sent);
    const bytes = await whole(response.body);
    return decode<T>(bytes);
  }

  /** A server that is busy says when to come again. @throws {ApiError} for codes from 400 on. */
  async send(method: string, path: string, sent: Sent = {}): Promise<ApiResponse> {
    const { clock = realClock } = this.#options;
    for (let retries = 0; ; retries += 1) {
      const response = await this.#once(method, path, sent);
      if (response.status < 400) return response;
      const body = await whole(response.body);
      const seconds = retries < MOST_RETRIES ? secondsUntilRetry(response) : undefined;
      if (seconds === undefined) throw failure(response.status, body);
      await clock.sleep(seconds * 1000, sent.signal);
    }
  }

  async #once(method: string, path: string, sent: Sent): Promise<ApiResponse> {
    const { body, contentType = "application/json", headers, signal } = sent;
    const { clock, logger, userAgent } = this.#options;
    const work = this.#transport.request({
      method,
      path,
      headers: {
        accept: "application/json",
        "user-agent": userAgent,
        ...(body !== undefined && { "content-type": contentType }),
        ...headers,
      },
      ...(body !== undefined && { body: encodeUnstructured(body as Json) }),
      ...(signal !== undefined && { signal }),
    });
    const response = await (clock === undefined ? work : clock.track(work));
    const { warning } = response.headers;
    if (warning !== undefined) logger?.warn("server warns", { method, path, warning });
    return response;
  }
}

/** Of a request that was refused because there are too many; undefined: it is refused for good. */
function secondsUntilRetry({ status, headers }: ApiResponse): number | undefined {
  const seconds = Number(headers["retry-after"]);
  return status === 429 && Number.isInteger(seconds) ? seconds : undefined;
}

function failure(status: number, bytes: Uint8Array): ApiError {
  try {
    const body = decode<Status>(bytes);
    if (body.kind === "Status") return new ApiError(body);
  } catch {
    // a proxy or a server that is starting answered
  }
  return ApiError.generic(status);
}

function decode<T>(bytes: Uint8Array): T {
  return decodeUnstructured<T>(bytes, { collectProblems: false }).object;
}

async function whole(body: ApiResponse["body"]): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

class Resource<T extends KubeObject> implements ResourceClient<T> {
  readonly #connection: Connection;
  readonly #resource: GroupVersionResource;
  readonly #namespace: string;

  constructor(connection: Connection, resource: GroupVersionResource, namespace: string) {
    this.#connection = connection;
    this.#resource = resource;
    this.#namespace = namespace;
  }

  in(namespace: string): ResourceClient<T> {
    return new Resource(this.#connection, this.#resource, namespace);
  }

  get(name: string, options: RequestOptions = {}): Promise<T> {
    return this.#connection.call("GET", this.#path(name), limits(options));
  }

  async list(options: ListOptions = {}): Promise<ObjectList<T>> {
    const { metadata, items } = await this.#connection.call<ObjectList<T>>("GET", this.#path("", "", options));
    return { metadata, items: items ?? [] };
  }

  create(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#connection.call("POST", this.#home(object).#path("", "", writeQuery(options)), {
      body: object,
      ...limits(options),
    });
  }

  update(object: T, options: WriteOptions & { readonly subresource?: string } = {}): Promise<T> {
    const path = this.#home(object).#path(object.metadata?.name ?? "", options.subresource, writeQuery(options));
    return this.#connection.call("PUT", path, { body: object, ...limits(options) });
  }

  updateStatus(object: T, options: WriteOptions = {}): Promise<T> {
    return this.update(object, { ...options, subresource: "status" });
  }

  patch(name: string, patch: Patch, options: WriteOptions & { readonly subresource?: string } = {}): Promise<T> {
    const query =
      patch.type === "apply"
        ? { ...writeQuery(options), fieldManager: patch.fieldManager, force: patch.force }
        : writeQuery(options);
    const sent = { body: patch.body, contentType: CONTENT_TYPES[patch.type], ...limits(options) };
    return this.#connection.call("PATCH", this.#path(name, options.subresource, query), sent);
  }

  async delete(name: string, options: DeleteOptions = {}): Promise<void> {
    await this.#connection.call("DELETE", this.#path(name), { body: deleteBody(options) });
  }

  async deleteCollection(options: DeleteOptions & ListOptions = {}): Promise<void> {
    const { labelSelector, fieldSelector, ...rest } = options;
    const query = {
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
    await this.#connection.call("DELETE", this.#path("", "", query), { body: deleteBody(rest) });
  }

  async *watch(options: WatchOptions = {}): AsyncGenerator<WatchEvent<T>, void> {
    const { signal, ...query } = options;
    const path = this.#path("", "", { ...query, watch: true });
    const response = await this.#connection.send("GET", path, { ...(signal !== undefined && { signal }) });
    for await (const line of lines(response.body)) {
      const event = decode<{ type: string; object: T & Status }>(line);
      if (event.type === "ERROR") throw new ApiError(event.object);
      yield event as unknown as WatchEvent<T>;
    }
  }

  async *watchMetadata(options: WatchOptions = {}): AsyncGenerator<MetadataEvent, void> {
    const { signal, ...query } = options;
    const sent = { headers: { accept: METADATA }, ...(signal !== undefined && { signal }) };
    const response = await this.#connection.send("GET", this.#path("", "", { ...query, watch: true }), sent);
    for await (const line of lines(response.body)) {
      const event = new MetadataEvent(line);
      if (event.type === "ERROR") throw new ApiError(event.decoded.object);
      yield event;
    }
  }

  async listMetadata(): Promise<{ readonly revision: string; readonly events: readonly MetadataEvent[] }> {
    const sent = { headers: { accept: METADATA_LIST } };
    const { metadata, items } = await this.#connection.call<ObjectList<Json>>("GET", this.#path(), sent);
    const events = (items ?? []).map((object) => new MetadataEvent(encodeUnstructured({ type: "ADDED", object })));
    return { revision: metadata.resourceVersion ?? "", events };
  }

  getSubresource<S extends KubeObject>(name: string, subresource: string): Promise<S> {
    return this.#connection.call("GET", this.#path(name, subresource));
  }

  createSubresource<S extends KubeObject, R = S>(name: string, subresource: string, body: S): Promise<R> {
    return this.#connection.call("POST", this.#path(name, subresource), { body });
  }

  /** An object knows its namespace. */
  #home(object: T): Resource<T> {
    const namespace = object.metadata?.namespace ?? "";
    return this.#namespace === "" && namespace !== ""
      ? new Resource(this.#connection, this.#resource, namespace)
      : this;
  }

  #path(name = "", subresource = "", query: object = {}): string {
    const { group, resource } = this.#resource;
    const parts = [
      group === "" ? "api" : "apis",
      apiVersionOf(this.#resource),
      ...(this.#namespace === "" ? [] : ["namespaces", this.#namespace]),
      resource,
      ...(name === "" ? [] : [encodeURIComponent(name)]),
      ...(subresource === "" ? [] : [subresource]),
    ];
    const parameters = new URLSearchParams();
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined && value !== "") parameters.set(key, String(value));
    }
    return `/${parts.join("/")}${parameters.size === 0 ? "" : `?${parameters}`}`;
  }
}

function limits({ signal }: RequestOptions): Sent {
  return signal === undefined ? {} : { signal };
}

function writeQuery(options: WriteOptions): object {
  return { fieldManager: options.fieldManager, ...(options.dryRun === true && { dryRun: "All" }) };
}

function deleteBody({ dryRun, ...options }: DeleteOptions): object {
  return { kind: "DeleteOptions", apiVersion: "v1", ...options, ...(dryRun === true && { dryRun: ["All"] }) };
}

/** The lines of a stream of bytes, without their newlines; a last line without one counts. */
export async function* lines(body: ApiResponse["body"]): AsyncGenerator<Uint8Array, void> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const piece of body instanceof Uint8Array ? [body] : body) {
    let data = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a)) {
      if (end > 0) yield data.subarray(0, end);
      data = data.subarray(end + 1);
    }
    rest = data;
  }
  if (rest.length > 0) yield rest;
}
