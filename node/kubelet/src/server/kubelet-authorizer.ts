import { type Client, type CredentialsOfRequest, DelegatedAccess } from "@tsukube/client";
import type { Clock } from "@tsukube/foundation";

export interface KubeletAuthorizerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
}

/** Who asks for what. */
export interface KubeletRequest extends CredentialsOfRequest {
  readonly method: string;
  readonly path: string;
}

const REMEMBER_MS = 60_000;

/** Decides who may use the kubelet's port: a client certificate or a token says who it is, the API server what they may. */
export class KubeletAuthorizer {
  readonly #nodeName: string;
  readonly #access: DelegatedAccess;

  constructor({ client, clock, nodeName }: KubeletAuthorizerDeps) {
    this.#nodeName = nodeName;
    this.#access = new DelegatedAccess({ client, clock, rememberMs: REMEMBER_MS });
  }

  /** @returns 200, 401 when nobody knows who asks, 403 without the right. */
  async authorize(request: KubeletRequest): Promise<200 | 401 | 403> {
    const user = await this.#access.authenticate(request);
    if (user === undefined || user === "nobody") return 401;
    const verb = VERBS[request.method] ?? "get";
    for (const subresource of subresourcesOf(request.path)) {
      const resourceAttributes = { verb, version: "v1", resource: "nodes", subresource, name: this.#nodeName };
      if (await this.#access.isAllowed(user, { resourceAttributes })) return 200;
    }
    return 403;
  }
}

const VERBS: Readonly<Record<string, string>> = {
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};

const FINE: readonly (readonly [prefix: string, subresource: string])[] = [
  ["/healthz", "healthz"],
  ["/configz", "configz"],
  ["/pods", "pods"],
  ["/runningpods", "pods"],
];
const OWN: readonly (readonly [prefix: string, subresource: string])[] = [
  ["/stats", "stats"],
  ["/metrics", "metrics"],
  ["/logs", "log"],
  ["/checkpoint", "checkpoint"],
  ["/statusz", "statusz"],
  ["/flagz", "configz"],
];

/** Pure: subresources of nodes of which one must be allowed, as upstream maps paths (KEP-2862). */
export function subresourcesOf(path: string): readonly string[] {
  const within = ([prefix]: readonly [string, string]): boolean => path === prefix || path.startsWith(`${prefix}/`);
  const own = OWN.find(within);
  if (own !== undefined) return [own[1]];
  const fine = FINE.find(within);
  return fine === undefined ? ["proxy"] : [fine[1], "proxy"];
}
