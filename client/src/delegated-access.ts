import { createHash } from "node:crypto";
import type { TokenReview, UserInfo } from "@tsukube/api/types/authentication-v1";
import type {
  NonResourceAttributes,
  ResourceAttributes,
  SubjectAccessReview,
} from "@tsukube/api/types/authorization-v1";
import type { Clock } from "@tsukube/foundation";
import { type Peer, verified } from "@tsukube/host";
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
  readonly peer: Peer;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ReviewedUser {
  readonly username: string;
  readonly groups: readonly string[];
  readonly uid?: string;
  readonly extra?: NonNullable<UserInfo["extra"]>;
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
/** Bytes of attributes whose decision is not remembered, as upstream: whoever asks chooses them. */
const LONG = 10_000;

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
    const certificate = verified(peer);
    if (certificate !== undefined)
      return { username: certificate.commonName, groups: [...certificate.organizations, "system:authenticated"] };
    const token = /^Bearer (\S+)$/i.exec(headers["authorization"] ?? "")?.[1];
    if (token === undefined) return peer === undefined ? "nobody" : undefined;
    return this.#remembered(this.#users, token, async () => {
      const review: TokenReview = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } };
      const { status } = await this.#options.client.resource<TokenReview>(TOKEN_REVIEWS).create(review);
      if (status?.authenticated !== true || status.user?.username === undefined) return undefined;
      return { ...status.user, username: status.user.username, groups: status.user.groups ?? [] };
    });
  }

  isAllowed({ username, ...user }: ReviewedUser, attributes: AccessAttributes): Promise<boolean> {
    const spec = { user: username, ...user, ...attributes };
    const ask = async (): Promise<boolean> => {
      const review: SubjectAccessReview = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec,
      };
      const { status } = await this.#options.client.resource<SubjectAccessReview>(ACCESS_REVIEWS).create(review);
      return status?.allowed === true;
    };
    return sizeOf(attributes) < LONG ? this.#remembered(this.#decisions, JSON.stringify(spec), ask) : ask();
  }

  async #remembered<T>(memory: Map<string, Remembered<T>>, what: string, ask: () => Promise<T>): Promise<T> {
    const { clock, rememberMs } = this.#options;
    const key = createHash("sha256").update(what).digest("base64");
    const known = memory.get(key);
    if (known !== undefined && known.until > clock.now()) return known.value;
    const value = await ask();
    memory.delete(key);
    memory.set(key, { value, until: clock.now() + rememberMs });
    for (const [oldest, { until }] of memory) {
      if (memory.size <= MOST_REMEMBERED && until > clock.now()) break;
      memory.delete(oldest);
    }
    return value;
  }
}

function sizeOf(attributes: AccessAttributes): number {
  const values = Object.values(attributes).flatMap((each) => Object.values(each));
  return Buffer.byteLength(values.filter((value) => typeof value === "string").join(""));
}
