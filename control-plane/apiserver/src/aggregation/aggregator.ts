import { decodeUnstructured, type Json, jsonEqual } from "@tsukube/api";
import type { APIServiceSpec } from "@tsukube/api/types/apiregistration-v1";
import type { ApiResponse } from "@tsukube/client";
import { type Clock, messageOf, withinTime } from "@tsukube/foundation";
import type { UpgradeRequest } from "@tsukube/host";
import type { RequestContext, RequestInfo, User } from "../contracts.ts";
import { forwarded, forwardedFor } from "../proxying/forwarded.ts";
import { passedBody } from "../proxying/passed-body.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import {
  API_SERVICES,
  apiServiceOf,
  isAvailable,
  isRemote,
  remoteServices,
  type StoredService,
} from "./api-services.ts";
import { type ExtensionClient, ServiceProblem, wholeBody } from "./extension-client.ts";

/** A version of an aggregated group, as apidiscovery.k8s.io/v2 shows it. */
interface AggregatedVersion {
  readonly version: string;
  readonly resources?: readonly object[];
  readonly freshness: "Current" | "Stale";
}

export interface AggregatedGroup {
  readonly name: string;
  readonly versions: readonly AggregatedVersion[];
}

/** What an extension server last said about itself. */
interface Known {
  readonly resources: readonly object[];
  readonly openApi: Json | undefined;
  /** Its OpenAPI v3 documents of the group and the version, by path: where each is. */
  readonly documents: Readonly<Record<string, OpenApiLocation>>;
}

/** With a hash, clients may keep the document for ever. */
interface OpenApiLocation {
  readonly serverRelativeURL: string;
}

/** How long a list of resources and a document may take: what comes later is left out until the next check. */
const DISCOVERY_MS = 5000;
const DOCUMENT_MS = 30_000;
const DOCUMENT = "/openapi/v2";
const AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** What lies at or below a version of a group. */
const VERSION_PATH = /^\/*apis\/+([^/]+)\/+([^/]+)/;

/** Hands requests for the groups of APIServices to the servers behind them, with who asks in headers (KEP-263). */
export class Aggregator {
  readonly #cache: WatchCache;
  readonly #client: ExtensionClient;
  readonly #clock: Clock;
  readonly #known = new Map<string, Known>();
  #version = 0;

  constructor(cache: WatchCache, client: ExtensionClient, clock: Clock) {
    this.#cache = cache;
    this.#client = client;
    this.#clock = clock;
    cache.subscribe(API_SERVICES, (events) => {
      this.#version += 1;
      for (const { key, current } of events)
        if (current === undefined || !isRemote(current.object as StoredService))
          this.#known.delete(key.slice(API_SERVICES.length));
    });
  }

  /** Where a group stands among others: custom resources are at 1000, the group of APIServices itself is first. */
  priorityOf(group: string): number {
    if (group === "apiregistration.k8s.io") return Number.POSITIVE_INFINITY;
    const all = [...this.#cache.head.range(API_SERVICES)].map(([, cached]) => (cached.object as StoredService).spec);
    const own = all.filter((spec) => spec?.group === group).map((spec) => spec?.groupPriorityMinimum ?? 0);
    return own.length === 0 ? 1000 : Math.max(...own);
  }

  /** Changes whenever what extension servers say does: for ETags. */
  get version(): number {
    return this.#version;
  }

  /** Whether another server answers what is asked for. */
  serves(info: RequestInfo): boolean {
    return this.#serviceFor(info) !== undefined;
  }

  /** Undefined: the group is served here. */
  async handle(context: RequestContext): Promise<ApiResponse | undefined> {
    const service = this.#serviceFor(context.info);
    if (service === undefined) return undefined;
    if (!isAvailable(service)) return unavailable("service unavailable");
    return this.#forward(service.spec!, context, context.request.path);
  }

  /** Joins an upgraded connection to the server's. @returns what to answer when that cannot be. */
  async upgrade(context: RequestContext, request: UpgradeRequest): Promise<ApiResponse | undefined> {
    const service = this.#serviceFor(context.info);
    if (service === undefined || !isAvailable(service)) return unavailable("service unavailable");
    const bare = { ...request, headers: withoutIdentity(request.headers) };
    try {
      return await this.#client.upgrade(service.spec!, bare, addedFor(context));
    } catch (error) {
      return unreachable(error);
    }
  }

  #serviceFor({ path }: RequestInfo): StoredService | undefined {
    const [, group, version] = VERSION_PATH.exec(path) ?? [];
    if (group === undefined || version === undefined) return undefined;
    const service = apiServiceOf(this.#cache, group, version);
    return service !== undefined && isRemote(service) ? service : undefined;
  }

  /** The OpenAPI document of an aggregated group or version. Undefined: none of these. */
  async openApi(context: RequestContext, path: string): Promise<ApiResponse | undefined> {
    const services = remoteServices(this.#cache).filter((service) => ownPaths(service.spec!).includes(path));
    const service = services.find(isAvailable);
    if (service !== undefined) return this.#forward(service.spec!, context, context.request.path);
    return services.length === 0 ? undefined : unavailable("service unavailable");
  }

  /** Where OpenAPI v3 documents are, by path: "apis/GROUP" and "apis/GROUP/VERSION". */
  get openApiDocuments(): Readonly<Record<string, OpenApiLocation>> {
    const known = remoteServices(this.#cache)
      .filter(isAvailable)
      .map((service) => this.#known.get(nameOf(service))?.documents);
    return Object.assign({}, ...known);
  }

  /** OpenAPI v2 documents of the servers that gave one. */
  get openApiV2(): readonly Json[] {
    return [...this.#known.values()].flatMap(({ openApi }) => (openApi === undefined ? [] : [openApi]));
  }

  get groups(): readonly AggregatedGroup[] {
    const groups = new Map<string, AggregatedVersion[]>();
    for (const service of remoteServices(this.#cache)) {
      const { group = "", version = "" } = service.spec ?? {};
      const versions = groups.get(group) ?? [];
      groups.set(group, versions);
      const known = isAvailable(service) ? this.#known.get(nameOf(service)) : undefined;
      versions.push(
        known === undefined
          ? { version, freshness: "Stale" }
          : { version, resources: known.resources, freshness: "Current" },
      );
    }
    return [...groups].map(([name, versions]) => ({ name, versions }));
  }

  /** Reads what a server says about itself, after it was found available. */
  async learn(service: StoredService, signal: AbortSignal): Promise<void> {
    const resources = await this.#resources(service.spec!, signal).catch(() => []);
    const openApi = await this.#json(service.spec!, DOCUMENT, "application/json", signal).catch(() => undefined);
    const documents = await this.#documents(service.spec!, signal).catch(() => ({}));
    const known = { resources, openApi, documents };
    const name = nameOf(service);
    const now = this.#cache.get(API_SERVICES + name)?.object as StoredService | undefined;
    // it may be gone meanwhile, or lead elsewhere: whoever it leads to then is asked anew
    if (!jsonEqual(now?.spec, service.spec) || jsonEqual(known, this.#known.get(name))) return;
    this.#known.set(name, known);
    this.#version += 1;
  }

  /** By the aggregated document; servers that have none are asked for the older list. */
  async #resources(spec: APIServiceSpec, signal: AbortSignal): Promise<readonly object[]> {
    const { group = "", version = "" } = spec;
    const asked = this.#json(spec, "/apis", `${AGGREGATED},application/json`, signal).catch(() => ({}));
    const all = (await asked) as DiscoveryList;
    if (all.kind === "APIGroupDiscoveryList") {
      const found = all.items?.find(({ metadata }) => metadata?.name === group);
      return (found?.versions?.find((one) => one.version === version)?.resources ?? []).map(withKinds);
    }
    const list = (await this.#json(spec, `/apis/${group}/${version}`, "application/json", signal)) as ResourceList;
    return discovered(list.resources ?? [], group, version);
  }

  async #documents(spec: APIServiceSpec, signal: AbortSignal): Promise<Known["documents"]> {
    const { paths = {} } = (await this.#json(spec, "/openapi/v3", "application/json", signal)) as OpenApiIndex;
    const own = ownPaths(spec).filter((path) => Object.hasOwn(paths, path));
    return Object.fromEntries(
      own.map((path) => {
        const url = paths[path]?.serverRelativeURL ?? "";
        return [path, { serverRelativeURL: url.startsWith(`/openapi/v3/${path}?`) ? url : `/openapi/v3/${path}` }];
      }),
    );
  }

  async #json(spec: APIServiceSpec, path: string, accept: string, signal: AbortSignal): Promise<Json> {
    const headers = { accept, "x-remote-user": "system:kube-aggregator", "x-remote-group": "system:masters" };
    return withinTime(this.#clock, path === DOCUMENT ? DOCUMENT_MS : DISCOVERY_MS, signal, async (limit) => {
      const response = await this.#client.request(spec, { method: "GET", path, headers, signal: limit });
      const body = await wholeBody(response);
      if (response.status !== 200) throw new Error(`Cannot read ${path}: status ${response.status}, expected 200`);
      return decodeUnstructured<Json>(body).object;
    });
  }

  async #forward(spec: APIServiceSpec, context: RequestContext, path: string): Promise<ApiResponse> {
    const { request, signal } = context;
    const headers = { ...withoutIdentity(forwarded(request.headers)), ...addedFor(context) };
    try {
      const body = await passedBody(request);
      const response = await this.#client.request(spec, { method: request.method, path, headers, signal, body });
      return isRedirect(response) ? redirected(response) : { ...response, headers: forwarded(response.headers) };
    } catch (error) {
      if (signal.aborted) throw error;
      return unreachable(error);
    }
  }
}

function unreachable(error: unknown): ApiResponse {
  const isUnknown = error instanceof ServiceProblem;
  return unavailable(isUnknown ? "service unavailable" : `error trying to reach service: ${messageOf(error)}`);
}

interface OpenApiIndex {
  readonly paths?: Readonly<Record<string, Partial<OpenApiLocation>>>;
}

function ownPaths({ group = "", version = "" }: APIServiceSpec): readonly string[] {
  return [`apis/${group}`, `apis/${group}/${version}`];
}

function nameOf({ metadata }: StoredService): string {
  return metadata?.name ?? "";
}

function unavailable(why: string): ApiResponse {
  const headers = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return { status: 503, headers, body: Buffer.from(`${why}\n`) };
}

function isRedirect({ status, headers }: ApiResponse): boolean {
  return status >= 300 && status <= 399 && headers["location"] !== undefined;
}

/** Who has asked this server goes nowhere else. */
function redirected({ body }: ApiResponse): ApiResponse {
  if (!(body instanceof Uint8Array)) void body[Symbol.asyncIterator]().return?.();
  const why = "the backend attempted to redirect this request, which is not permitted";
  return { status: 502, headers: {}, body: Buffer.from(why) };
}

/** Nobody may say in headers who they are: the server says it. */
function withoutIdentity<T>(headers: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(?:x-remote-|impersonate-|x-forwarded-)/i.test(name)),
  );
}

type Headers = Readonly<Record<string, string | readonly string[]>>;

/** What the server is told besides the client's own headers. */
function addedFor({ user, request, info, auditId }: RequestContext): Headers {
  return {
    ...identityOf(user),
    ...forwardedFor(request),
    "x-forwarded-uri": info.path,
    "x-forwarded-proto": "https",
    ...(auditId !== undefined && { "audit-id": auditId }),
  };
}

/** The headers that the ConfigMap extension-apiserver-authentication names. */
function identityOf({ name, uid, groups, extra }: User): Headers {
  const extras = Object.entries(extra).map(
    ([key, values]) => [`x-remote-extra-${escapedHeader(key)}`, values] as const,
  );
  return {
    "x-remote-user": name,
    ...(uid !== undefined && { "x-remote-uid": uid }),
    "x-remote-group": groups,
    ...Object.fromEntries(extras),
  };
}

/** What no header's name can hold is percent-encoded. */
function escapedHeader(key: string): string {
  return key.replaceAll(/[^!#$&'*+.^_`|~0-9A-Za-z-]/g, (character) => encodeURIComponent(character));
}

interface DiscoveredResource {
  readonly responseKind?: object;
  readonly subresources?: readonly { readonly responseKind?: object }[];
}

const NO_KIND = { group: "", version: "", kind: "" };

/** client-go 0.26 ends where a resource tells no kind. */
function withKinds(resource: DiscoveredResource): object {
  const { responseKind = NO_KIND, subresources } = resource;
  const parts = subresources?.map((one) => ({ ...one, responseKind: one.responseKind ?? NO_KIND }));
  return { ...resource, responseKind, ...(parts && { subresources: parts }) };
}

interface DiscoveryList {
  readonly kind?: string;
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly { readonly version?: string; readonly resources?: readonly DiscoveredResource[] }[];
  }[];
}

interface ListedResource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly kind?: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

interface ResourceList {
  readonly resources?: readonly ListedResource[];
}

/** An APIResourceList in the form of aggregated discovery. */
function discovered(listed: readonly ListedResource[], group: string, version: string): readonly object[] {
  const kindOf = (one: ListedResource): object => ({
    group: one.group ?? group,
    version: one.version ?? version,
    kind: one.kind ?? "",
  });
  return listed
    .filter(({ name }) => !name.includes("/"))
    .map((one) => {
      const parts = listed.filter(({ name }) => name.startsWith(`${one.name}/`));
      return {
        resource: one.name,
        responseKind: kindOf(one),
        scope: one.namespaced === true ? "Namespaced" : "Cluster",
        singularResource: one.singularName ?? "",
        verbs: one.verbs ?? [],
        ...(one.shortNames !== undefined && { shortNames: one.shortNames }),
        ...(one.categories !== undefined && { categories: one.categories }),
        ...(parts.length > 0 && {
          subresources: parts.map((part) => ({
            subresource: part.name.slice(one.name.length + 1),
            responseKind: kindOf(part),
            verbs: part.verbs ?? [],
          })),
        }),
      };
    });
}
