import { createHash } from "node:crypto";
import type { TokenReview } from "@tsukube/api/types/authentication-v1";
import type { SubjectAccessReview } from "@tsukube/api/types/authorization-v1";
import type { Client } from "@tsukube/client";
import type { Clock } from "@tsukube/foundation";
import type { PeerCertificate } from "@tsukube/host";

export interface KubeletAuthorizerDeps {
  readonly client: Client;
  readonly clock: Clock;
  readonly nodeName: string;
}

/** Who asks for what. */
export interface KubeletRequest {
  readonly peer: PeerCertificate | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly method: string;
  readonly path: string;
}

interface User {
  readonly username: string;
  readonly groups: readonly string[];
  readonly uid?: string;
}

interface Remembered<T> {
  readonly value: T;
  readonly until: number;
}

const REMEMBER_MS = 60_000;
const MOST_REMEMBERED = 1000;

const TOKEN_REVIEWS = { group: "authentication.k8s.io", version: "v1", resource: "tokenreviews" };
const ACCESS_REVIEWS = { group: "authorization.k8s.io", version: "v1", resource: "subjectaccessreviews" };

/** Decides who may use the kubelet's port: a client certificate or a token says who it is, the API server what they may. */
export class KubeletAuthorizer {
  readonly #deps: KubeletAuthorizerDeps;
  readonly #users = new Map<string, Remembered<User | undefined>>();
  readonly #decisions = new Map<string, Remembered<boolean>>();

  constructor(deps: KubeletAuthorizerDeps) {
    this.#deps = deps;
  }

  /** @returns 200, 401 when nobody knows who asks, 403 without the right. */
  async authorize(request: KubeletRequest): Promise<200 | 401 | 403> {
    const user = await this.#authenticate(request);
    if (user === undefined) return 401;
    const verb = VERBS[request.method] ?? "get";
    for (const subresource of subresourcesOf(request.path)) if (await this.#mayUse(user, verb, subresource)) return 200;
    return 403;
  }

  async #authenticate({ peer, headers }: KubeletRequest): Promise<User | undefined> {
    if (peer !== undefined)
      return { username: peer.commonName, groups: [...peer.organizations, "system:authenticated"] };
    const token = /^Bearer (\S+)$/i.exec(headers["authorization"] ?? "")?.[1];
    if (token === undefined) return undefined;
    const key = createHash("sha256").update(token).digest("base64");
    return this.#remembered(this.#users, key, async () => {
      const review: TokenReview = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
      const { status } = await this.#deps.client.resource<TokenReview>(TOKEN_REVIEWS).create(review);
      if (status?.authenticated !== true || status.user?.username === undefined) return undefined;
      const { username, groups = [], uid } = status.user;
      return { username, groups, ...(uid !== undefined && { uid }) };
    });
  }

  #mayUse(user: User, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([user.username, user.groups, verb, subresource]);
    return this.#remembered(this.#decisions, key, async () => {
      const resourceAttributes = { verb, version: "v1", resource: "nodes", subresource, name: this.#deps.nodeName };
      const review: SubjectAccessReview = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user: user.username, groups: user.groups, resourceAttributes },
      };
      const { status } = await this.#deps.client.resource<SubjectAccessReview>(ACCESS_REVIEWS).create(review);
      return status?.allowed === true;
    });
  }

  async #remembered<T>(memory: Map<string, Remembered<T>>, key: string, ask: () => Promise<T>): Promise<T> {
    const { clock } = this.#deps;
    const known = memory.get(key);
    if (known !== undefined && known.until > clock.now()) return known.value;
    const value = await ask();
    if (memory.size >= MOST_REMEMBERED) memory.clear();
    memory.set(key, { value, until: clock.now() + REMEMBER_MS });
    return value;
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
];

/** Pure: subresources of nodes of which one must be allowed, as upstream maps paths (KEP-2862). */
export function subresourcesOf(path: string): readonly string[] {
  const within = ([prefix]: readonly [string, string]): boolean => path === prefix || path.startsWith(`${prefix}/`);
  const own = OWN.find(within);
  if (own !== undefined) return [own[1]];
  const fine = FINE.find(within);
  return fine === undefined ? ["proxy"] : [fine[1], "proxy"];
}
