import type { GroupVersionResource } from "@tsukube/api";
import type { ApiResponse } from "./transport.ts";

/** A resource that the API server serves. */
export interface DiscoveredResource extends GroupVersionResource {
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** Such as "status" and "scale". */
  readonly subresources: readonly string[];
}

/** apidiscovery.k8s.io/v2, as far as it is looked at. */
interface GroupList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly {
      readonly version?: string;
      readonly freshness?: string;
      readonly resources?: readonly {
        readonly resource?: string;
        readonly responseKind?: { readonly kind?: string };
        readonly scope?: string;
        readonly verbs?: readonly string[];
        readonly subresources?: readonly { readonly subresource?: string }[];
      }[];
    }[];
  }[];
}

type Ask = (path: string, headers: Readonly<Record<string, string>>) => Promise<ApiResponse>;
type Decode = (response: ApiResponse) => Promise<unknown>;

const ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** What a server serves. */
export interface Discovered {
  readonly resources: readonly DiscoveredResource[];
  /** Group versions of others that do not answer. */
  readonly stale: readonly string[];
}

interface Known extends Discovered {
  readonly etag: string;
}

/** Aggregated discovery (KEP-3352); what has not changed since the last time is not sent again. */
export class Discovery {
  readonly #ask: Ask;
  readonly #decode: Decode;
  readonly #known = new Map<string, Known>();

  constructor(ask: Ask, decode: Decode) {
    this.#ask = ask;
    this.#decode = decode;
  }

  /** Every resource, each in the preferred one of the versions that have it. */
  async all(): Promise<Discovered> {
    const [core, groups] = await Promise.all([this.#at("/api"), this.#at("/apis")]);
    return { resources: [...core.resources, ...groups.resources], stale: groups.stale };
  }

  async #at(path: string): Promise<Discovered> {
    const known = this.#known.get(path);
    const response = await this.#ask(path, { accept: ACCEPT, ...(known && { "if-none-match": known.etag }) });
    if (response.status === 304 && known !== undefined) return known;
    const list = (await this.#decode(response)) as GroupList;
    const discovered = { resources: resourcesOf(list), stale: staleOf(list) };
    const { etag } = response.headers;
    if (typeof etag === "string") this.#known.set(path, { etag, ...discovered });
    return discovered;
  }
}

function staleOf({ items = [] }: GroupList): readonly string[] {
  return items.flatMap(({ metadata, versions = [] }) =>
    versions.flatMap(({ version, freshness }) => (freshness === "Stale" ? [`${metadata?.name}/${version}`] : [])),
  );
}

function resourcesOf({ items = [] }: GroupList): readonly DiscoveredResource[] {
  return items.flatMap(({ metadata, versions = [] }) => {
    const found = new Map<string, DiscoveredResource>();
    for (const { version = "", resources = [] } of versions) {
      for (const { resource = "", responseKind, scope, verbs = [], subresources = [] } of resources) {
        if (found.has(resource)) continue;
        found.set(resource, {
          group: metadata?.name ?? "",
          version,
          resource,
          kind: responseKind?.kind ?? "",
          namespaced: scope === "Namespaced",
          verbs,
          subresources: subresources.map(({ subresource = "" }) => subresource),
        });
      }
    }
    return [...found.values()];
  });
}
