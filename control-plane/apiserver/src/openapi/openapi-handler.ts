import { createHash } from "node:crypto";
import {
  apiVersionOf,
  encodeOpenApiV2,
  encodeOpenApiV3,
  type Json,
  openApiV2,
  openApiV3,
  openApiV3Names,
  rawJsonText,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import { parseAccept } from "@tsukube/host";
import type { Aggregator } from "../aggregation/aggregator.ts";
import type { RequestContext } from "../contracts.ts";
import { openApiContentOf } from "../crd/openapi-content.ts";
import { formOf } from "../registry/form.ts";
import type { Registry } from "../registry/registry.ts";

const JSON_TYPE = "application/json";
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

interface Document {
  readonly body: Uint8Array;
  readonly hash: string;
}

/** /openapi/v2 and /openapi/v3: made when first asked for, and again after custom resources changed. */
export class OpenApiHandler {
  readonly #registry: Registry;
  readonly #aggregator: Aggregator;
  readonly #now: () => number;
  readonly #documents = new Map<string, Document & { readonly version: string }>();

  constructor(registry: Registry, aggregator: Aggregator, now: () => number) {
    this.#registry = registry;
    this.#aggregator = aggregator;
    this.#now = now;
  }

  async handle(context: RequestContext): Promise<ApiResponse | undefined> {
    const { path } = context.info;
    if (path === "/openapi/v2") return this.#v2(context);
    if (path === "/openapi/v3") return this.#index();
    if (!path.startsWith("/openapi/v3/")) return undefined;
    const name = path.slice("/openapi/v3/".length);
    const aggregated = this.#paths().includes(name) ? undefined : await this.#aggregator.openApi(context, name);
    return aggregated ?? this.#v3(context, name);
  }

  /** What has no document is missed without a body. */
  #nothing(): ApiResponse {
    return { status: 404, headers: {}, body: new Uint8Array(0) };
  }

  #v2(context: RequestContext): ApiResponse {
    const vary = "Accept-Encoding, Accept";
    const contentType = typeFor(context, 2);
    if (contentType === undefined) return notAcceptable(vary);
    const version = `${this.#registry.version} ${this.#aggregator.version}`;
    const { body, hash } = this.#document(`v2 ${contentType}`, version, () => {
      const document = withAggregated(openApiV2(openApiContentOf(this.#registry)), this.#aggregator.openApiV2);
      const isOwn = this.#registry.custom.length === 0 && this.#aggregator.openApiV2.length === 0;
      return contentType === JSON_TYPE ? textOf(document, isOwn) : encodeOpenApiV2(document);
    });
    const headers = { etag: `"${hash}"`, vary, "content-type": contentType };
    return unlessKnown(context, headers, body);
  }

  #paths(): readonly string[] {
    return openApiV3Names(openApiContentOf(this.#registry));
  }

  #index(): ApiResponse {
    const own = this.#paths().map((path) => [
      path,
      { serverRelativeURL: `/openapi/v3/${path}?hash=${this.#v3Document(path).hash}` },
    ]);
    const paths = { ...this.#aggregator.openApiDocuments, ...Object.fromEntries(own) };
    return {
      status: 200,
      headers: { "content-type": "text/plain; charset=utf-8" },
      body: Buffer.from(JSON.stringify({ paths })),
    };
  }

  /** Made anew when what is custom in it changes: other definitions leave it alone. */
  #v3Document(path: string, contentType = JSON_TYPE): Document {
    const custom = this.#registry.custom.filter((definition) => `apis/${apiVersionOf(definition)}` === path);
    return this.#document(`v3 ${path} ${contentType}`, custom.map(formOf).join(), () => {
      const document = openApiV3(path, openApiContentOf(this.#registry));
      return contentType === JSON_TYPE ? textOf(document, custom.length === 0) : encodeOpenApiV3(document);
    });
  }

  #v3(context: RequestContext, path: string): ApiResponse {
    if (!this.#paths().includes(path)) return this.#nothing();
    const contentType = typeFor(context, 3);
    if (contentType === undefined) return notAcceptable("Accept");
    const { body, hash } = this.#v3Document(path);
    const asked = context.info.query.get("hash");
    if (asked !== null && asked !== hash) {
      return { status: 301, headers: { location: `/openapi/v3/${path}?hash=${hash}` }, body: new Uint8Array(0) };
    }
    const forever = { "cache-control": "public, immutable", expires: new Date(this.#now() + YEAR_MS).toUTCString() };
    const headers = { etag: `"${hash}"`, vary: "Accept", "content-type": contentType, ...(asked !== null && forever) };
    return unlessKnown(context, headers, contentType === JSON_TYPE ? body : this.#v3Document(path, contentType).body);
  }

  #document(key: string, version: string, make: () => Uint8Array): Document {
    const present = this.#documents.get(key);
    if (present?.version === version) return present;
    const body = make();
    const made = { version, body, hash: createHash("sha512").update(body).digest("hex").toUpperCase() };
    this.#documents.set(key, made);
    return made;
  }
}

/** Schemas of others have numbers that JavaScript does not; for our own its encoder does, which takes a tenth of the time. */
function textOf(document: object, isOwn: boolean): Uint8Array {
  return Buffer.from(isOwn ? JSON.stringify(document) : rawJsonText(document));
}

/** The first form that the client takes. @returns the media type to send; undefined: it takes none that there is. */
function typeFor(context: RequestContext, version: 2 | 3): string | undefined {
  const spec = `application/com.github.proto-openapi.spec.v${version}`;
  const protobuf = `${spec}.v1.0+protobuf`; // Go's parser of media types takes no "@"
  const header = context.request.headers["accept"] ?? "";
  for (const { type } of header === "" ? [{ type: "*/*" }] : parseAccept(header)) {
    if (type === JSON_TYPE || type === "*/*" || type === "application/*") return JSON_TYPE;
    if (type === protobuf || type === `${spec}@v1.0+protobuf`) return protobuf;
  }
  return undefined;
}

/** What depends on `Accept` and is in no form that a client takes is told without a body. */
function notAcceptable(vary: string): ApiResponse {
  return { status: 406, headers: { vary }, body: new Uint8Array(0) };
}

function unlessKnown(context: RequestContext, headers: Record<string, string>, body: Uint8Array): ApiResponse {
  const isKnown = context.request.headers["if-none-match"] === headers["etag"];
  return isKnown ? { status: 304, headers, body: new Uint8Array(0) } : { status: 200, headers, body };
}

type Parts = Readonly<Record<string, unknown>>;

/** Paths of other servers join ours; definitions too, where their name is free. */
function withAggregated<T extends object>(document: T, others: readonly Json[]): T {
  const own = document as T & { readonly paths?: Parts; readonly definitions?: Parts };
  let { paths = {}, definitions = {} } = own;
  for (const other of others) {
    const { paths: more = {}, definitions: types = {} } = other as unknown as { paths?: Parts; definitions?: Parts };
    const apis = Object.fromEntries(Object.entries(more).filter(([path]) => /^\/apis\/[^/]+\/[^/]+\//.test(path)));
    paths = { ...apis, ...paths };
    definitions = { ...types, ...definitions };
  }
  return others.length === 0 ? document : { ...own, paths, definitions };
}
