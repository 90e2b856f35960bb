import { createHash } from "node:crypto";
import { encodeOpenApiV2, type Json, openApiV2, openApiV3, rawJsonText } from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Aggregator } from "../aggregation/aggregator.ts";
import { parseAccept } from "../chain/negotiation.ts";
import type { RequestContext } from "../contracts.ts";
import { openApiContentOf } from "../crd/openapi-content.ts";
import type { Registry } from "../registry/registry.ts";

/** What clients ask for. */
const V2_PROTOBUF = [
  "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
  "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
];
/** What they are told they get: Go's parser of media types takes no "@". */
const V2_PROTOBUF_SENT = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
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
    return (await this.#aggregator.openApi(context, name)) ?? this.#v3(context, name);
  }

  /** What has no document is missed without a body. */
  #nothing(): ApiResponse {
    return { status: 404, headers: {}, body: new Uint8Array(0) };
  }

  #v2(context: RequestContext): ApiResponse {
    const asked = parseAccept(context.request.headers["accept"] ?? "");
    const isProtobuf = V2_PROTOBUF.includes(asked[0]?.type ?? "");
    const contentType = isProtobuf ? V2_PROTOBUF_SENT : "application/json";
    const { body, hash } = this.#document(`v2 ${contentType}`, () => {
      const document = withAggregated(openApiV2(openApiContentOf(this.#registry)), this.#aggregator.openApiV2);
      return isProtobuf ? encodeOpenApiV2(document) : Buffer.from(this.#text(document));
    });
    const headers = { etag: `"${hash}"`, vary: "Accept", "content-type": contentType };
    if (context.request.headers["if-none-match"] === headers.etag)
      return { status: 304, headers, body: new Uint8Array(0) };
    return { status: 200, headers, body };
  }

  #paths(): readonly string[] {
    const versions = new Set<string>();
    for (const { group, version } of [...this.#registry.infos, ...this.#registry.custom]) {
      versions.add(group === "" ? `api/${version}` : `apis/${group}/${version}`);
    }
    return [...versions].sort();
  }

  #index(): ApiResponse {
    const paths = Object.fromEntries(
      this.#paths().map((path) => [
        path,
        { serverRelativeURL: `/openapi/v3/${path}?hash=${this.#v3Document(path).hash}` },
      ]),
    );
    for (const path of this.#aggregator.openApiPaths) paths[path] = { serverRelativeURL: `/openapi/v3/${path}` };
    return {
      status: 200,
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify({ paths })),
    };
  }

  #v3Document(path: string): Document {
    return this.#document(`v3 ${path}`, () => {
      const groupVersion = path.replace(/^apis?\//, "");
      return Buffer.from(this.#text(openApiV3(groupVersion, openApiContentOf(this.#registry))));
    });
  }

  #v3(context: RequestContext, path: string): ApiResponse {
    if (!this.#paths().includes(path)) return this.#nothing();
    const { body, hash } = this.#v3Document(path);
    const asked = context.info.query.get("hash");
    if (asked !== null && asked !== hash) {
      return { status: 301, headers: { location: `/openapi/v3/${path}?hash=${hash}` }, body: new Uint8Array(0) };
    }
    const headers: Record<string, string> = { etag: `"${hash}"`, vary: "Accept", "content-type": "application/json" };
    if (asked !== null) {
      headers["cache-control"] = "public, immutable";
      headers["expires"] = new Date(this.#now() + YEAR_MS).toUTCString();
    }
    if (context.request.headers["if-none-match"] === headers["etag"])
      return { status: 304, headers, body: new Uint8Array(0) };
    return { status: 200, headers, body };
  }

  /** Schemas of others have numbers that JavaScript does not; for our own its encoder does, which takes a tenth of the time. */
  #text(document: object): string {
    const isOwn = this.#registry.custom.length === 0 && this.#aggregator.openApiV2.length === 0;
    return isOwn ? JSON.stringify(document) : rawJsonText(document);
  }

  #document(key: string, make: () => Uint8Array): Document {
    const present = this.#documents.get(key);
    const version = `${this.#registry.version} ${this.#aggregator.version}`;
    if (present?.version === version) return present;
    const body = make();
    const made = { version, body, hash: createHash("sha512").update(body).digest("hex").toUpperCase() };
    this.#documents.set(key, made);
    return made;
  }
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
