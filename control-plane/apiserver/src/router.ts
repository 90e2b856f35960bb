import {
  ApiError,
  decodeEnvelope,
  decodeJson,
  decodeProtobuf,
  decodeYaml,
  isProtobuf,
  kindOf,
  type ObjectSchema,
  resourceOf,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Aggregator } from "./aggregation/aggregator.ts";
import { REVIEWS, type ReviewDeps } from "./authorization/reviews.ts";
import { bodyEncoding, checkAcceptable, negotiate } from "./chain/negotiation.ts";
import type { RequestContext, RequestInfo } from "./contracts.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { fieldValidationOf, report } from "./endpoints/body.ts";
import { encodeList } from "./endpoints/list.ts";
import { encode, headersOf, includeOf, represent, type View } from "./endpoints/represent.ts";
import type { ResourceHandler } from "./endpoints/resource-handler.ts";
import type { Subresources } from "./endpoints/subresources.ts";
import type { FlowControl } from "./flow-control/flow-control.ts";
import type { Health } from "./health/health.ts";
import type { OpenApiHandler } from "./openapi/openapi-handler.ts";
import type { ResourceDefinition } from "./registry/definition.ts";
import type { Registry } from "./registry/registry.ts";
import type { ObjectStore } from "./storage/object-store.ts";
import { copyOfStore } from "./storage/store-copy.ts";
import { builtinTable } from "./tables/printers.ts";

export interface RouterDeps {
  readonly registry: Registry;
  readonly resources: ResourceHandler;
  readonly subresources: Subresources;
  readonly aggregator: Aggregator;
  readonly discovery: Discovery;
  readonly openApi: OpenApiHandler;
  readonly health: Health;
  readonly flows: FlowControl;
  readonly reviews: ReviewDeps;
  readonly store: ObjectStore;
}

const FLOW_DUMPS = "/debug/api_priority_and_fairness/";

/** Where nothing is, there is no Status either: upstream's plain answer. */
const NOT_FOUND: ApiResponse = {
  status: 404,
  headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
  body: Buffer.from("404 page not found\n"),
};

/** Finds who answers a request that has passed the chain. */
export class Router {
  readonly #deps: RouterDeps;

  constructor(deps: RouterDeps) {
    this.#deps = deps;
  }

  /** @throws {ApiError} 404, 405 and whatever the endpoint throws. */
  async dispatch(context: RequestContext): Promise<ApiResponse> {
    const { info } = context;
    const proxied = await this.#deps.aggregator.handle(context);
    if (proxied !== undefined) return proxied;
    if (!info.isResource || info.resource === "") return this.#path(context);
    const { registry } = this.#deps;
    const definition = registry.get(info.group, info.version, info.resource);
    if (definition !== undefined) {
      if (mustBeCurrent(info)) await this.#deps.store.cache.current();
      if (info.verb !== "create" || info.name !== "")
        this.#deps.store.mustBeReadable(definition, info.namespace, info.name);
      return this.#resource(context, definition);
    }
    if (!registry.hasGroup(info.group)) return NOT_FOUND;
    if (!registry.isVirtual(info.group, info.version, info.resource)) throw ApiError.generic(404);
    return this.#virtual(context);
  }

  async #path(context: RequestContext): Promise<ApiResponse> {
    const { discovery, openApi, health, store } = this.#deps;
    const response = discovery.handle(context) ?? (await openApi.handle(context)) ?? health.handle(context);
    return response ?? (await copyOfStore(context, store.cache.store)) ?? this.#flowDump(context) ?? NOT_FOUND;
  }

  #flowDump({ info: { path, query } }: RequestContext): ApiResponse | undefined {
    if (!path.startsWith(FLOW_DUMPS)) return undefined;
    const details = query.get("includeRequestDetails") ?? "";
    const text = this.#deps.flows.dump(path.slice(FLOW_DUMPS.length), details !== "");
    if (text === undefined) return undefined;
    return { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, body: Buffer.from(text) };
  }

  async #resource(context: RequestContext, definition: ResourceDefinition): Promise<ApiResponse> {
    const { info } = context;
    if (definition.namespaced && info.namespace === "" && info.name !== "") throw ApiError.generic(404);
    if (!definition.namespaced && info.namespace !== "" && definition.resource !== "namespaces")
      throw ApiError.generic(404);
    const verbs =
      info.subresource === ""
        ? definition.verbs
        : definition.subresources.find(({ name }) => name === info.subresource)?.verbs;
    if (verbs === undefined) throw definition.typed ? ApiError.generic(404) : ApiError.notFound(definition, info.name);
    const isCollection = info.name === "";
    if (isCollection && (info.verb === "update" || info.verb === "patch")) throw ApiError.methodNotAllowed();
    if (info.verb === "create" && definition.namespaced && info.namespace === "") throw ApiError.methodNotAllowed();
    if (definition.deprecation !== undefined) context.warn(definition.deprecation);
    if (context.request.method === "HEAD" && info.subresource !== "proxy") throw ApiError.methodNotAllowed();
    checkAcceptable(context.request.headers, info.verb === "list" || info.verb === "watch");
    const special = await this.#deps.subresources.handle(context, definition);
    if (special !== undefined) return special;
    if (!verbs.includes(info.verb)) throw ApiError.methodNotAllowed();
    const response = await this.#deps.resources.handle(context, definition);
    if (response === undefined) throw ApiError.generic(404);
    return response;
  }

  async #virtual(context: RequestContext): Promise<ApiResponse> {
    const { info, request } = context;
    const { group, version, resource } = info;
    const row = resourceOf({ group, version, resource })!;
    if (!row.verbs.includes(info.verb)) throw ApiError.methodNotAllowed();
    if (resource === "componentstatuses") return this.#componentStatuses(context);
    const accepted = negotiate(request.headers, info.query, { forms: false });
    const gvk = { group, version, kind: row.kind };
    const schema = schemaOf(gvk) as ObjectSchema;
    const body = decodeReview(context, schema);
    if (resource === "bindings") return this.#deps.subresources.bind(context, body, accepted);
    const review = REVIEWS[resource];
    if (review === undefined || kindOf(gvk) === undefined) throw ApiError.generic(404);
    const status = await review(context, body, this.#deps.reviews);
    const apiVersion = group === "" ? version : `${group}/${version}`;
    // upstream shows no namespace in the spec of an answer about rules
    const shown = resource === "selfsubjectrulesreviews" ? { ...body, spec: {} } : body;
    const object = { ...shown, kind: row.kind, apiVersion, status };
    return { status: 201, headers: headersOf(accepted), body: encode(object, schema, accepted) };
  }

  #componentStatuses(context: RequestContext): ApiResponse {
    context.warn("v1 ComponentStatus is deprecated in v1.19+");
    const { request, info } = context;
    const identity = { group: "", version: "v1", resource: "componentstatuses", kind: "ComponentStatus" };
    const schema = schemaOf(identity) as ObjectSchema;
    const one = (name: string): Unstructured => ({
      kind: identity.kind,
      apiVersion: identity.version,
      metadata: { name },
      conditions: [{ type: "Healthy", status: "True", message: "ok" }],
    });
    const items = ["etcd-0", "controller-manager", "scheduler"].map(one);
    const accepted = negotiate(request.headers, info.query);
    const definition = { ...this.#deps.registry.get("", "v1", "nodes")!, ...identity, schema };
    const view: View = {
      definition: { ...definition, listKind: "ComponentStatusList" },
      accepted,
      table: builtinTable(definition),
      include: includeOf(info.query),
      now: () => 0,
    };
    const headers = headersOf(accepted);
    if (info.name === "") return { status: 200, headers, body: encodeList(view, {}, items) };
    const named = items.find(({ metadata }) => metadata?.name === info.name);
    if (named === undefined) throw ApiError.notFound(identity, info.name);
    const shown = represent(view, named);
    return { status: 200, headers, body: encode(shown.value, shown.schema, accepted) };
  }
}

/** Reads that name a revision wait for that one, or take what there is. */
function mustBeCurrent({ verb, query }: RequestInfo): boolean {
  const isRead = verb === "get" || verb === "list" || verb === "watch";
  return !isRead || (query.get("resourceVersion") ?? "") === "";
}

function decodeReview(context: RequestContext, schema: ObjectSchema): Unstructured {
  const bytes = context.request.body ?? new Uint8Array(0);
  const encoding = isProtobuf(bytes) ? "protobuf" : bodyEncoding(context.request.headers);
  try {
    if (encoding === "protobuf") return decodeProtobuf<Unstructured>(decodeEnvelope(bytes), schema);
    const { object, problems } =
      encoding === "yaml" ? decodeYaml<Unstructured>(bytes, schema) : decodeJson<Unstructured>(bytes, schema);
    report(context, problems, fieldValidationOf(context.info.query));
    return object;
  } catch (error) {
    throw error instanceof ApiError
      ? error
      : ApiError.badRequest(error instanceof Error ? error.message : String(error));
  }
}
