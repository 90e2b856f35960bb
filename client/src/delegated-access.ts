import { createHash } from "node:crypto";
import type { TokenReview } from "@tsukube/api/types/authentication-v1";
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
} from "@tsukube/api/types/authorization-v1";
import type { Clock } from "@tsukube/foundation";
import type { PeerCertificate } from "@tsukube/host";
import type { Client } from "./types.ts";

export interface DelegatedAccessOptions {
  /** May create TokenReviews and SubjectAccessReviews. */
  readonly client: Client;
  readonly clock: Clock;
  /** How long an answer of the API server counts. */
  readonly rememberMs: number;
}

/** What a request brings along to say who it is of. */
export interface CredentialsOfRequest {
  readonly peer: PeerCertificate | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ReviewedUser {
  readonly username: string;
  readonly groups: readonly string[];
  readonly uid?: string;
}

/** What somebody wants to do. */
export type AccessAttributes =
  | { readonly resourceAttributes: ResourceAttributes }
  | { readonly nonResourceAttributes: NonResourceAttributes };

interface Remembered<T> {
  readonly value: T;
  readonly until: number;
}

const MOST_REMEMBERED = 1000;

const TOKEN_REVIEWS = { group: "authentication.k8s.io", version: "v1", resource: "tokenreviews" };
const ACCESS_REVIEWS = { group: "authorization.k8s.io", version: "v1", resource: "subjectaccessreviews" };

/** Who asks at a component's own port, and what they may: a certificate or a token says the one, the API server the other. */
export class DelegatedAccess {
  readonly #options: DelegatedAccessOptions;
  readonly #users = new Map<string, Remembered<ReviewedUser | undefined>>();
  readonly #decisions = new Map<string, Remembered<boolean>>();

  constructor(options: DelegatedAccessOptions) {
    this.#options = options;
  }

  /** @returns "nobody" without credentials, undefined with wrong ones. */
  async authenticate({ peer, headers }: CredentialsOfRequest): Promise<ReviewedUser | "nobody" | undefined> {
    if (peer !== undefined)
      return { username: peer.commonName, groups: [...peer.organizations, "system:authenticated"] };
    const token = /^Bearer (\S+)$/i.exec(headers["authorization"] ?? "")?.[1];
    if (token === undefined) return "nobody";
    const key = createHash("sha256").update(token).digest("base64");
    return this.#remembered(this.#users, key, async () => {
      const review: TokenReview = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
      const { status } = await this.#options.client.resource<TokenReview>(TOKEN_REVIEWS).create(review);
      if (status?.authenticated !== true || status.user?.username === undefined) return undefined;
      const { username, groups = [], uid } = status.user;
      return { username, groups, ...(uid !== undefined && { uid }) };
    });
  }

  isAllowed({ username, groups, uid }: ReviewedUser, attributes: AccessAttributes): Promise<boolean> {
    const key = JSON.stringify([username, groups, uid, attributes]);
    return this.#remembered(this.#decisions, key, async () => {
      const review: SubjectAccessReview = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user: username, groups, ...(uid !== undefined && { uid }), ...attributes },
      };
      const { status } = await this.#options.client.resource<SubjectAccessReview>(ACCESS_REVIEWS).create(review);
      return status?.allowed === true;
    });
  }

  async #remembered<T>(memory: Map<string, Remembered<T>>, key: string, ask: () => Promise<T>): Promise<T> {
    const { clock, rememberMs } = this.#options;
    const known = memory.get(key);
    if (known !== undefined && known.until > clock.now()) return known.value;
    const value = await ask();
    if (memory.size >= MOST_REMEMBERED) memory.clear();
    memory.set(key, { value, until: clock.now() + rememberMs });
    return value;
  }
}
