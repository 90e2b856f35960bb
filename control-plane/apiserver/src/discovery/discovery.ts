import { createHash } from "node:crypto";
import {
  ApiError,
  apiVersionOf,
  DECLARED,
  factsText,
  type GroupVersionKind,
  kindOf,
  type ObjectSchema,
  parseApiVersion,
  schemaOfType,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import { parseAccept } from "@tsukube/host";
import type { AggregatedGroup, Aggregator } from "../aggregation/aggregator.ts";
import { CONTENT_TYPES, checkAcceptable, type Encoding, negotiate } from "../chain/negotiation.ts";
import type { RequestContext } from "../contracts.ts";
import { encode, headersOf } from "../endpoints/represent.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import { compareVersions } from "./version-order.ts";

/** apidiscovery.k8s.io/v2, as facts/discovery.json has it. */
interface DiscoveredResource {
  readonly resource: string;
  readonly responseKind?: { readonly group: string; readonly version: string; readonly kind: string };
  readonly scope: "Namespaced" | "Cluster";
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly {
    readonly subresource: string;
    readonly responseKind?: { readonly group: string; readonly version: string; readonly kind: string };
    readonly verbs: readonly string[];
  }[];
}
interface DiscoveredVersion {
  readonly version: string;
  readonly resources?: readonly DiscoveredResource[];
  readonly freshness?: string;
}
interface DiscoveredGroup {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly DiscoveredVersion[];
}

const AGGREGATED = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** What the server can do, in the aggregated form of KEP-3352 and in the older one of a request per version. */
export class Discovery {
  readonly #registry: Registry;
  readonly #aggregator: Aggregator;
  readonly #serverAddress: () => string;
  #facts: { readonly core: DiscoveredGroup; readonly groups: readonly DiscoveredGroup[] } | undefined;
  readonly #cached = new Map<string, { readonly version: string; readonly body: Uint8Array; readonly etag: string }>();

  constructor(registry: Registry, aggregator: Aggregator, serverAddress: () => string) {
    this.#registry = registry;
    this.#aggregator = aggregator;
    this.#serverAddress = serverAddress;
  }

  /** Answers /api, /apis, /apis/GROUP and the lists of a version's resources; undefined: not mine. */
  handle(context: RequestContext): ApiResponse | undefined {
    const { info } = context;
    const parts = info.path.split("/").filter((part) => part !== "");
    if (parts[0] === "api" && parts.length === 1) return this.#root(context, true);
    if (parts[0] === "apis" && parts.length === 1) return this.#root(context, false);
    if (parts[0] === "api" && parts.length === 2) return this.#resources(context, this.#core, parts[1] ?? "");
    if (parts[0] !== "apis") return undefined;
    const group = this.#groups().find((candidate) => candidate.metadata.name === parts[1]);
    if (group === undefined) return undefined;
    if (parts.length === 2)
      return answer(context, { ...apiGroup(group), kind: "APIGroup", apiVersion: "v1" }, "meta/v1.APIGroup");
    const isOwn = this.#load().groups.includes(group);
    if (!isOwn && !group.versions.some(({ version }) => version === parts[2])) return undefined;
    return parts.length === 3 ? this.#resources(context, group, parts[2] ?? "") : undefined;
  }

  get #core(): DiscoveredGroup {
    return this.#load().core;
  }

  /** Of groups and versions, as the index of all paths has them. */
  get paths(): readonly string[] {
    const groups = this.#groups().flatMap(({ metadata: { name }, versions }) => [
      `/apis/${name}`,
      ...versions.map(({ version }) => `/apis/${name}/${version}`),
    ]);
    return ["/api", "/api/v1", "/apis", "/apis/", ...groups];
  }

  #load() {
    if (this.#facts === undefined) {
      const { all } = JSON.parse(factsText("discovery.json")) as {
        all: Readonly<Record<"/api" | "/apis", { readonly items: readonly DiscoveredGroup[] }>>;
      };
      const served = new Set(this.#registry.infos.map((info) => `${apiVersionOf(info)} ${info.resource}`));
      const groups = [...servedGroups(all["/apis"].items, served), ...groupsOf(this.#declared())];
      this.#facts = { core: all["/api"].items[0]!, groups };
    }
    return this.#facts;
  }

  /** The resources that upstream does not have. */
  #declared(): readonly ResourceDefinition[] {
    const own = new Set(DECLARED.resources.map(({ group }) => group));
    const infos = this.#registry.infos.filter(({ group }) => own.has(group));
    return infos.flatMap(({ group, version, resource }) => this.#registry.get(group, version, resource) ?? []);
  }

  #groups(): readonly DiscoveredGroup[] {
    const own = [...this.#load().groups, ...groupsOf(byName(this.#registry.established))];
    const aggregated = this.#aggregator.groups;
    if (aggregated.length === 0) return own;
    const places = new Map(aggregated.map(({ name }) => [name, this.#aggregator.priorityOf(name)]));
    for (const { metadata } of own) places.set(metadata.name ?? "", this.#aggregator.priorityOf(metadata.name ?? ""));
    const nameOf = ({ metadata }: DiscoveredGroup): string => metadata.name ?? "";
    return merged(own, aggregated).sort(
      (a, b) => (places.get(nameOf(b)) ?? 0) - (places.get(nameOf(a)) ?? 0) || compareTexts(nameOf(a), nameOf(b)),
    );
  }

  #root(context: RequestContext, core: boolean): ApiResponse {
    if (core) checkRouted(context);
    const encoding = context.info.path === "/apis/" ? undefined : aggregatedEncoding(context);
    if (encoding === undefined) {
      const groups = (): object => ({ kind: "APIGroupList", apiVersion: "v1", groups: this.#groups().map(apiGroup) });
      return core ? this.#apiVersions(context) : answer(context, groups(), "meta/v1.APIGroupList");
    }
    const { body, etag } = this.#aggregated(core, encoding);
    const headers = { etag, vary: "Accept", "cache-control": "public" };
    if (context.request.headers["if-none-match"] === etag) return { status: 304, headers, body: new Uint8Array(0) };
    return { status: 200, headers: { ...headers, "content-type": CONTENT_TYPES[encoding] + AGGREGATED }, body };
  }

  #aggregated(core: boolean, encoding: Encoding): { readonly body: Uint8Array; readonly etag: string } {
    const key = `${core} ${encoding}`;
    const present = this.#cached.get(key);
    const version = `${this.#registry.version} ${this.#aggregator.version}`;
    if (present?.version === version) return present;
    const items = core ? [this.#core] : this.#groups();
    const list = { kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2", metadata: {}, items };
    const schema = schemaOfType("apidiscovery/v2.APIGroupDiscoveryList") as ObjectSchema;
    const body =
      encoding === "json"
        ? Buffer.from(`${JSON.stringify(list)}\n`)
        : encode(list, schema, { encoding, pretty: false });
    const etag = `"${createHash("sha512").update(body).digest("hex").toUpperCase()}"`;
    const made = { version, body, etag };
    this.#cached.set(key, made);
    return made;
  }

  #apiVersions(context: RequestContext): ApiResponse {
    const serverAddressByClientCIDRs = [{ clientCIDR: "0.0.0.0/0", serverAddress: this.#serverAddress() }];
    return answer(
      context,
      { kind: "APIVersions", versions: this.#core.versions.map(({ version }) => version), serverAddressByClientCIDRs },
      "meta/v1.APIVersions",
    );
  }

  #resources(context: RequestContext, group: DiscoveredGroup, version: string): ApiResponse {
    const found = group.versions.find((candidate) => candidate.version === version);
    if (found === undefined) throw ApiError.generic(404);
    checkRouted(context);
    const name = group.metadata.name ?? "";
    const groupVersion = name === "" ? version : `${name}/${version}`;
    const resources = (found.resources ?? []).flatMap((resource) =>
      listed(resource, name, version, this.#stored(resource, name, version)),
    );
    return answer(
      context,
      { kind: "APIResourceList", ...(name !== "" && { apiVersion: "v1" }), groupVersion, resources },
      "meta/v1.APIResourceList",
    );
  }

  /** Where upstream stores a built-in kind, which is not always here; a custom one where its definition says. */
  #stored({ resource, responseKind }: DiscoveredResource, group: string, version: string): GroupVersionKind {
    const kind = responseKind?.kind ?? "";
    const storageVersion = kindOf({ group, version, kind })?.storageVersion;
    if (storageVersion !== undefined) return { ...parseApiVersion(storageVersion), kind };
    return this.#registry.get(group, version, resource)?.storage.gvk ?? { group, version, kind };
  }
}

/** Of everything that could be served, what is. @param served "apps/v1 deployments". */
function servedGroups(groups: readonly DiscoveredGroup[], served: ReadonlySet<string>): readonly DiscoveredGroup[] {
  return groups.flatMap(({ metadata, versions }) => {
    const kept = versions.flatMap(({ version, resources = [], ...rest }) => {
      const own = resources.filter(({ resource }) => served.has(`${metadata.name}/${version} ${resource}`));
      return own.length === 0 ? [] : [{ version, resources: own, ...rest }];
    });
    return kept.length === 0 ? [] : [{ metadata, versions: kept }];
  });
}

/** In the form that the client accepts. @throws {ApiError} 406. */
function answer({ request, info }: RequestContext, object: object, type: string): ApiResponse {
  const accepted = negotiate(request.headers, info.query, { forms: false });
  return {
    status: 200,
    headers: headersOf(accepted),
    body: encode(object, schemaOfType(type) as ObjectSchema, accepted),
  };
}

/** Where upstream has routes, methods and media types are looked at before anything else. @throws {ApiError} 405, 406. */
function checkRouted({ request }: RequestContext): void {
  if (request.method !== "GET") throw ApiError.methodNotAllowed();
  checkAcceptable(request.headers, false);
}

/** Undefined: the older form, a request per version. */
function aggregatedEncoding({ request }: RequestContext): "json" | "protobuf" | undefined {
  for (const { type, parameters } of parseAccept(request.headers["accept"] ?? "")) {
    const { as, v, g } = parameters;
    if (as === undefined) return undefined;
    if (as !== "APIGroupDiscoveryList" || v !== "v2" || g !== "apidiscovery.k8s.io") continue;
    if (type === CONTENT_TYPES.json) return "json";
    if (type === CONTENT_TYPES.protobuf) return "protobuf";
  }
  return undefined;
}

function apiGroup(group: DiscoveredGroup): object {
  const name = group.metadata.name ?? "";
  const versions = group.versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

/** Of the version that is stored (KEP-2339). */
function hashOf({ group, version, kind }: GroupVersionKind): string {
  return createHash("sha256").update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString("base64");
}

/** A resource and its subresources in the older form. */
function listed(resource: DiscoveredResource, group: string, version: string, stored: GroupVersionKind): object[] {
  const { resource: name, singularResource, scope, verbs, shortNames, categories, responseKind } = resource;
  const namespaced = scope === "Namespaced";
  const foreign = (kind: DiscoveredResource["responseKind"]): object =>
    kind === undefined ||
    (kind.group === "" && kind.version === "") ||
    (kind.group === group && kind.version === version)
      ? {}
      : { group: kind.group, version: kind.version };
  const main = {
    name,
    singularName: singularResource,
    namespaced,
    ...foreign(responseKind),
    kind: responseKind?.kind ?? "",
    verbs,
    ...(shortNames !== undefined && { shortNames }),
    ...(categories !== undefined && { categories }),
    ...(verbs.includes("get") && name !== "componentstatuses" && { storageVersionHash: hashOf(stored) }),
  };
  const parts = (resource.subresources ?? []).map((part) => ({
    name: `${name}/${part.subresource}`,
    singularName: "",
    namespaced,
    ...foreign(part.responseKind),
    kind: part.responseKind?.kind ?? "",
    verbs: part.verbs,
  }));
  return [main, ...parts];
}

/** Own groups, and those of other servers; a group may be of both. */
function merged(own: readonly DiscoveredGroup[], aggregated: readonly AggregatedGroup[]): DiscoveredGroup[] {
  const groups = [...own];
  for (const { name, versions } of aggregated) {
    const at = groups.findIndex(({ metadata }) => metadata.name === name);
    const present = groups[at];
    const added = versions as readonly DiscoveredVersion[];
    if (present === undefined) groups.push({ metadata: { name }, versions: added });
    else groups[at] = { ...present, versions: [...added, ...present.versions] };
  }
  return groups;
}

/** Of two resources that share a short name, clients take that of the first group: by name, as upstream has groups of equal priority. */
function byName(definitions: readonly ResourceDefinition[]): readonly ResourceDefinition[] {
  return definitions.toSorted((a, b) => compareTexts(a.group, b.group) || compareTexts(a.resource, b.resource));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function groupsOf(definitions: readonly ResourceDefinition[]): readonly DiscoveredGroup[] {
  const groups = new Map<string, Map<string, DiscoveredResource[]>>();
  for (const definition of definitions) {
    const versions = groups.get(definition.group) ?? new Map<string, DiscoveredResource[]>();
    groups.set(definition.group, versions);
    const resources = versions.get(definition.version) ?? [];
    versions.set(definition.version, resources);
    resources.push(discovered(definition));
  }
  return [...groups].map(([name, versions]) => ({
    metadata: { name },
    versions: [...versions]
      .sort(([a], [b]) => compareVersions(b, a))
      .map(([version, resources]) => ({ version, resources, freshness: "Current" })),
  }));
}

/** Of a resource whose definition is being deleted. */
const LEAVING_VERBS = ["delete", "deletecollection", "get", "list", "watch"];

function discovered(definition: ResourceDefinition): DiscoveredResource {
  const { group, version, kind, resource, shortNames, categories } = definition;
  const responseKind = { group, version, kind };
  return {
    resource,
    responseKind,
    scope: definition.namespaced ? "Namespaced" : "Cluster",
    singularResource: definition.singular,
    verbs: definition.custom?.isTerminating === true ? LEAVING_VERBS : definition.verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(definition.subresources.length > 0 && {
      subresources: definition.subresources.map(({ name, verbs }) => ({
        subresource: name,
        responseKind: name === "scale" ? { group: "autoscaling", version: "v1", kind: "Scale" } : responseKind,
        verbs,
      })),
    }),
  };
}
