import { ApiError, apiVersionOf, goQuote, type ObjectSchema, resourceOf, schemaOf } from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Gauge } from "@tsukube/foundation";
import { isConnection } from "./admission/connect.ts";
import type { Aggregator } from "./aggregation/aggregator.ts";
import { REVIEWS, type ReviewDeps } from "./authorization/reviews.ts";
import { checkAcceptable, negotiate } from "./chain/negotiation.ts";
import { isWatchedByPath } from "./chain/request-info.ts";
import type { RequestContext, RequestInfo } from "./contracts.ts";
import type { Discovery } from "./discovery/discovery.ts";
import { type ComponentDeps, componentStatuses } from "./endpoints/component-statuses.ts";
import { isPatchType, patchTypeOf } from "./endpoints/patch.ts";
import { encode, headersOf } from "./endpoints/represent.ts";
import type { ResourceHandler } from "./endpoints/resource-handler.ts";
import type { Subresources } from "./endpoints/subresources.ts";
import { decodeTransient } from "./endpoints/transient.ts";
import type { FlowControl } from "./flow-control/flow-control.ts";
import type { Health } from "./health/health.ts";
import type { OpenApiHandler } from "./openapi/openapi-handler.ts";
import type { Deprecation, ResourceDefinition } from "./registry/definition.ts";
import type { Registry } from "./registry/registry.ts";
import type { ObjectStore } from "./storage/object-store.ts";
import { copyOfStore } from "./storage/store-copy.ts";

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
  readonly components: ComponentDeps;
  readonly store: ObjectStore;
  /** Of versions that are on their way out: 1 where somebody used one. */
  readonly deprecatedUse: Gauge;
}

const FLOW_DUMPS = "/debug/api_priority_and_fairness/";

/** Subresources whose other methods no route has. */
const PARTS = new Set(["approval", "ephemeralcontainers", "finalize", "resize", "scale", "status"]);
/** The second slash may be written as %2F. */
const BEGINS_TWICE = /^\/(?:\/|%2f)/i;

/** Custom resources have no routes that a method could be missing from: what is done is found to have no name. */
/** Of "." and "..", in the words of upstream's store, and of the one who looks for the namespace. */
function unfitNamespace({ info }: RequestContext, { storage }: ResourceDefinition): ApiError {
  const { namespace, name } = info;
  if (info.verb === "create" && info.subresource === "")
    return ApiError.internal(`invalid resource name ${goQuote(namespace)}: [may not be '${namespace}']`);
  const key = `${storage.prefix.slice("/registry".length)}${namespace}${name === "" ? "" : `/${name}`}`;
  return ApiError.unknown(`invalid key: ${goQuote(key)}`);
}

function withoutName(context: RequestContext, definition: ResourceDefinition): ApiError {
  if (definition.typed) return ApiError.methodNotAllowed();
  if (context.info.verb === "patch") patchTypeOf(context, definition);
  return ApiError.badRequest("name must be provided");
}

/** Whether a route takes the request: it is about to be read. */
function isRouted({ info, request }: RequestContext): boolean {
  if (info.verb === "create") return info.name === "" || info.subresource !== "";
  return info.verb !== "patch" || isPatchType(request.headers);
}

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
    if (BEGINS_TWICE.test(info.path) || info.path.startsWith("/apis//")) return NOT_FOUND;
    const proxied = await this.#deps.aggregator.handle(context);
    if (proxied !== undefined) return proxied;
    if (!info.isResource || info.resource === "") return this.#path(context);
    const { registry } = this.#deps;
    const definition = registry.get(info.group, info.version, info.resource);
    if (definition !== undefined) {
      if (definition.typed && isWatchedByPath(info) && !hasWatchRoute(info, definition)) throw ApiError.generic(404);
      if (info.verb === "watch" && context.request.method !== "GET") throw ApiError.methodNotAllowed();
      if (mustBeCurrent(info)) await this.#deps.store.current(definition);
      if (mustBeReadable(info)) this.#deps.store.mustBeReadable(definition, info.namespace, info.name);
      return this.#resource(context, definition);
    }
    if (!registry.hasGroup(info.group)) return NOT_FOUND;
    if (!registry.isVirtual(info.group, info.version, info.resource)) throw ApiError.generic(404);
    return this.#virtual(context);
  }

  async #path(context: RequestContext): Promise<ApiResponse> {
    const { discovery, openApi, health, store } = this.#deps;
    const response = discovery.handle(context) ?? (await openApi.handle(context)) ?? (await health.handle(context));
    return (
      response ?? (await copyOfStore(context, store.cache.store)) ?? this.#flowDump(context) ?? this.#nothing(context)
    );
  }

  /** Below a version that is served, something says so as for an object; elsewhere no route fits. */
  #nothing({ info }: RequestContext): ApiResponse {
    const [, root = "", group = "", version = ""] = info.path.split("/");
    const isServed =
      root === "api"
        ? group === "v1"
        : root === "apis" && group !== "" && version !== "" && this.#deps.registry.hasGroup(group);
    if (isServed && info.path.includes("//")) throw ApiError.generic(404);
    return NOT_FOUND;
  }

  #deprecated(
    { info, warn, annotate }: RequestContext,
    definition: ResourceDefinition,
    { warning, removed }: Deprecation,
  ): void {
    const { group, version, resource } = definition;
    this.#deps.deprecatedUse.set(1, {
      group,
      version,
      resource,
      subresource: info.subresource,
      removed_release: removed,
    });
    annotate?.("k8s.io/deprecated", "true");
    if (removed !== "") annotate?.("k8s.io/removed-release", removed);
    warn(warning);
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
    const isNameless = definition.typed && info.namespace === "" && info.path.includes("/namespaces//");
    if (definition.namespaced && info.namespace === "" && info.name !== "" && !isNameless) throw ApiError.generic(404);
    if (!definition.namespaced && isNameless && definition.resource !== "namespaces") throw ApiError.generic(404);
    if (!definition.namespaced && info.namespace !== "" && (definition.resource !== "namespaces" || isNested(info)))
      throw ApiError.generic(404);
    if (definition.typed && info.subresource === "" && info.rest !== "") throw ApiError.generic(404);
    const verbs =
      info.subresource === ""
        ? definition.verbs
        : definition.subresources.find(({ name }) => name === info.subresource)?.verbs;
    const { deprecation } = definition;
    if (deprecation !== undefined && !definition.typed) this.#deprecated(context, definition, deprecation);
    if (verbs === undefined) throw definition.typed ? ApiError.generic(404) : ApiError.notFound(definition, info.name);
    const isCollection = info.name === "";
    if (isCollection && (info.verb === "update" || info.verb === "patch")) throw withoutName(context, definition);
    if (isAcrossNamespaces(info, definition)) {
      if (!definition.typed) return NOT_FOUND;
      if (!isNameless) throw ApiError.methodNotAllowed();
    }
    if (context.request.method === "HEAD" && info.subresource !== "proxy" && definition.typed)
      throw ApiError.methodNotAllowed();
    if (info.subresource === "log" && info.verb !== "get") throw ApiError.methodNotAllowed();
    if (definition.typed && PARTS.has(info.subresource) && !verbs.includes(info.verb))
      throw ApiError.methodNotAllowed();
    if (isNameless && info.name !== "")
      throw verbs.includes(info.verb) && (info.verb !== "create" || info.subresource !== "")
        ? ApiError.badRequest("Namespace parameter required.")
        : ApiError.methodNotAllowed();
    // what a connection leads to knows its own media types
    if (definition.typed && !isConnection(info))
      checkAcceptable(context.request.headers, info.verb === "list" || info.verb === "watch");
    if (deprecation !== undefined && definition.typed && isRouted(context))
      this.#deprecated(context, definition, deprecation);
    if (definition.namespaced && /^\.\.?$/.test(info.namespace)) throw unfitNamespace(context, definition);
    const special = await this.#deps.subresources.handle(context, definition);
    if (special !== undefined) return special;
    if (!verbs.includes(info.verb))
      throw definition.typed ? ApiError.methodNotAllowed() : ApiError.methodNotSupported(definition, info.verb);
    const response = await this.#deps.resources.handle(context, definition);
    if (response === undefined) throw ApiError.generic(404);
    return response;
  }

  async #virtual(context: RequestContext): Promise<ApiResponse> {
    const { info, request } = context;
    const { group, version, resource } = info;
    const row = resourceOf({ group, version, resource })!;
    if (row.namespaced !== (info.namespace !== "" || info.path.includes("/namespaces//"))) throw ApiError.generic(404);
    const isStatuses = resource === "componentstatuses";
    // upstream has no such routes of reviews, so that not the method is wrong
    if (isWatchedByPath(info) || (!isStatuses && info.name !== "")) throw ApiError.generic(404);
    if (!row.verbs.includes(info.verb)) throw ApiError.methodNotAllowed();
    if (isStatuses) return componentStatuses(context, this.#deps.components);
    const accepted = negotiate(request.headers, info.query, { forms: false });
    const gvk = { group, version, kind: row.kind };
    const body = decodeTransient(context, gvk, this.#deps.reviews.clock);
    if (resource === "bindings") return this.#deps.subresources.bind(context, body, accepted);
    const review = REVIEWS[resource];
    if (review === undefined) throw ApiError.generic(404);
    const answer = await review(context, body, this.#deps.reviews);
    const object = { kind: row.kind, apiVersion: apiVersionOf(gvk), ...answer };
    return { status: 201, headers: headersOf(accepted), body: encode(object, schemaOf(gvk) as ObjectSchema, accepted) };
  }
}

/** Namespaces are in no namespace: what stands in the path before them is one of another. */
function isNested({ path }: RequestInfo): boolean {
  return /\/namespaces\/[^/]+\/namespaces(?:\/|$)/.test(path);
}

/** Lists are watched by path, and single objects where they are. */
function hasWatchRoute(info: RequestInfo, { verbs, namespaced }: ResourceDefinition): boolean {
  if (!verbs.includes("watch") || info.subresource !== "" || info.rest !== "") return false;
  return !namespaced || info.name === "" || info.namespace !== "";
}

/** A write across namespaces, of which no kind has any; an empty one that the path names is the storage's to refuse. */
function isAcrossNamespaces({ verb, namespace }: RequestInfo, { namespaced }: ResourceDefinition): boolean {
  return namespaced && namespace === "" && (verb === "create" || verb === "deletecollection");
}

/** What is deleted may be unreadable, as far as who deletes it says so. */
function mustBeReadable({ verb, name, subresource }: RequestInfo): boolean {
  if (verb === "delete" || verb === "deletecollection") return subresource !== "";
  return verb !== "create" || name !== "";
}

/** Reads that name a revision wait for that one, or take what there is. */
function mustBeCurrent({ verb, query }: RequestInfo): boolean {
  const isRead = verb === "get" || verb === "list" || verb === "watch";
  return !isRead || (query.get("resourceVersion") ?? "") === "";
}
