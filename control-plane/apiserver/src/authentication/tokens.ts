import { createPrivateKey, type KeyObject } from "node:crypto";
import { ApiError, type FeatureGates, goQuote } from "@tsukube/api";
import type { Secret } from "@tsukube/api/types/core-v1";
import type { Clock, Metrics, Random } from "@tsukube/foundation";
import type { PeerCertificate } from "@tsukube/host";
import type { Authenticator, IncomingRequest, User } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { LEGACY_ISSUER, type LegacyClaims, type LegacyUse, legacyAccountOf } from "./legacy-tokens.ts";
import { TokenKey } from "./token-key.ts";
import { TokenMetrics } from "./token-metrics.ts";
import { TokenProblem } from "./token-problem.ts";

/** What a token ends with. */
interface Bound {
  readonly name: string;
  readonly uid: string;
}

/** What a bound token is about (KEP-1205). */
export interface TokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** From when on its use is counted as late, though it is still good; in seconds from now. */
  readonly staleAfterSeconds?: number;
  readonly boundTo?: Bound & { readonly kind: "Pod" | "Secret" | "Node" };
  /** The node that the pod runs on. */
  readonly node?: Bound;
}

interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly nbf: number;
  readonly jti: string;
  readonly "kubernetes.io": {
    readonly namespace: string;
    readonly serviceaccount: Bound;
    readonly pod?: Bound;
    readonly secret?: Bound;
    readonly node?: Bound;
    /** Seconds since the epoch. */
    readonly warnafter?: number;
  };
}

export interface TokenOptions {
  /** PKCS #8 PEM: RSA, P-256, P-384 or P-521. */
  readonly key: string;
  /** "https://kubernetes.default.svc.cluster.local". */
  readonly issuer: string;
  /** Of tokens that are for this server, and of those that name none; the issuer by default. */
  readonly audiences?: readonly string[];
  /** PEM of public keys or certificates: tokens that theirs signed are good, too. */
  readonly otherKeys?: readonly string[];
  /** Tokens that say that these issued them are good, too. */
  readonly otherIssuers?: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

/** How far clocks may be apart. */
const LEEWAY_MS = 60_000;

const credentialIdOf = ({ jti }: Pick<Claims, "jti">): string => `JTI=${jti}`;

/** Issues and checks ServiceAccount tokens: signed JWTs. */
export class Tokens {
  readonly issuer: string;
  /** Of tokens that are for this server. */
  readonly audiences: readonly string[];
  readonly #options: TokenOptions;
  readonly #privateKey: KeyObject;
  readonly #key: TokenKey;
  /** All that are good, once each. */
  readonly #known: readonly TokenKey[];
  /** Tokens whose signature was checked, by the token: a kubelet or controller sends the same one thousands of times. */
  readonly #verified = new Map<string, Claims | LegacyClaims>();

  constructor(options: TokenOptions) {
    this.issuer = options.issuer;
    this.audiences = options.audiences ?? [options.issuer];
    this.#options = options;
    this.#privateKey = createPrivateKey(options.key);
    this.#key = new TokenKey(options.key);
    const known = [this.#key, ...(options.otherKeys ?? []).map((pem) => new TokenKey(pem))];
    this.#known = [...new Map(known.map((key) => [key.id, key])).values()];
  }

  /** @returns also its credential id, by which audit events tell it from others, and when that was, in seconds since the epoch. */
  issue(request: TokenRequest): { readonly token: string; readonly credentialId: string; readonly issuedAt: number } {
    const now = Math.floor(this.#options.clock.now() / 1000);
    const { boundTo } = request;
    const claims = {
      aud: request.audiences,
      exp: now + request.expirationSeconds,
      iat: now,
      iss: this.issuer,
      jti: this.#options.random.uuid(),
      "kubernetes.io": {
        namespace: request.namespace,
        ...(request.node !== undefined && { node: request.node }),
        ...(boundTo !== undefined && { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } }),
        serviceaccount: { name: request.serviceAccount, uid: request.serviceAccountUid },
        ...(request.staleAfterSeconds !== undefined && { warnafter: now + request.staleAfterSeconds }),
      },
      nbf: now,
      sub: `system:serviceaccount:${request.namespace}:${request.serviceAccount}`,
    };
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const { alg, id: kid } = this.#key;
    const signed = `${part({ alg, kid })}.${part(claims)}`;
    const token = `${signed}.${this.#key.sign(signed, this.#privateKey).toString("base64url")}`;
    return { token, credentialId: credentialIdOf(claims), issuedAt: now };
  }

  /** The claims of a token with a good signature; undefined when it is none of this cluster. @throws {TokenProblem} */
  check(token: string): Claims | LegacyClaims | undefined {
    return this.#verified.get(token) ?? this.#verify(token);
  }

  /** JSON Web Key Set, RFC 7517. */
  get jwks(): object {
    return { keys: this.#known.map(({ jwk }) => jwk) };
  }

  /** That tokens may be signed with. */
  get algorithms(): readonly string[] {
    return [...new Set(this.#known.map(({ alg }) => alg))];
  }

  #verify(token: string): Claims | LegacyClaims | undefined {
    const parts = token.split(".");
    const [header = "", payload = "", signature = ""] = parts;
    const { alg, kid } = jsonOf<{ readonly alg?: string; readonly kid?: string }>(header) ?? {};
    const claims = jsonOf<Claims | LegacyClaims>(payload);
    if (parts.length !== 3 || alg === undefined || claims === undefined) return undefined;
    const isOurs = claims.iss === this.issuer || this.#options.otherIssuers?.includes(claims.iss) === true;
    if (!isOurs && !isLegacy(claims)) return undefined;
    const named = kid === undefined ? this.#known : this.#known.filter(({ id }) => id === kid);
    if (named.length === 0) throw new TokenProblem("invalid signature, no keys found");
    const [signed, proof] = [`${header}.${payload}`, Buffer.from(signature, "base64url")];
    if (!named.some((key) => key.alg === alg && key.verifies(signed, proof, alg)))
      throw new TokenProblem("go-jose/go-jose: error in cryptographic primitive");
    if (this.#verified.size > 10_000) this.#verified.clear();
    this.#verified.set(token, claims);
    return claims;
  }
}

/** Of a part of a token. @returns undefined: that is none. */
export function jsonOf<T extends object>(part: string): T | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

function isLegacy(claims: Claims | LegacyClaims): claims is LegacyClaims {
  return claims.iss === LEGACY_ISSUER;
}

/** What a token says, checked against the objects it is bound to. */
export interface ReviewedToken {
  readonly user: User;
  readonly audiences: readonly string[];
}

/** Bearer tokens of ServiceAccounts. */
export class ServiceAccountAuthenticator implements Authenticator {
  readonly #tokens: Tokens;
  readonly #cache: WatchCache;
  readonly #audiences: readonly string[];
  readonly #noteLegacyUse: (secret: Secret) => void;
  readonly #metrics: TokenMetrics;
  readonly #clock: Clock;

  /** @param noteLegacyUse Told of each use of a token that kube-controller-manager put into a Secret. */
  constructor(
    tokens: Tokens,
    cache: WatchCache,
    audiences: readonly string[],
    noteLegacyUse: (secret: Secret) => void,
    { metrics, clock }: { readonly metrics: Metrics; readonly clock: Clock },
  ) {
    this.#metrics = new TokenMetrics(metrics);
    this.#clock = clock;
    this.#tokens = tokens;
    this.#cache = cache;
    this.#audiences = audiences;
    this.#noteLegacyUse = noteLegacyUse;
  }

  async authenticate(request: IncomingRequest): Promise<User | undefined> {
    const token = bearerOf(request.headers);
    if (token === undefined) return undefined;
    const reviewed = this.#reviewedOf(token);
    if (reviewed === undefined) throw ApiError.unauthorized();
    return reviewed.user;
  }

  #reviewedOf(token: string): ReviewedToken | undefined {
    try {
      return this.review(token, this.#audiences);
    } catch (error) {
      if (error instanceof TokenProblem) return undefined;
      throw error;
    }
  }

  /**
   * Who shows a token that is for one of these audiences; undefined when it is none of this cluster.
   * @throws {TokenProblem} when it is not for them, not good any more, or what it is bound to is not there.
   */
  review(token: string, audiences: readonly string[]): ReviewedToken | undefined {
    const claims = this.#tokens.check(token);
    if (claims === undefined) return undefined;
    const own = isLegacy(claims) ? this.#audiences : claims.aud;
    const common = audiences.filter((audience) => own.includes(audience));
    if (common.length === 0)
      throw new TokenProblem(`token audiences ${shown(own)} is invalid for the target audiences ${shown(audiences)}`);
    return { user: isLegacy(claims) ? this.#legacyUser(claims, token) : this.#userOf(claims), audiences: common };
  }

  #legacyUser(claims: LegacyClaims, token: string): User {
    this.#metrics.legacy.inc();
    const noteUse = (secret: Secret, use: LegacyUse): void => {
      this.#metrics[use].inc();
      this.#noteLegacyUse(secret);
    };
    const { namespace, name, uid } = legacyAccountOf(claims, token, this.#cache, noteUse);
    return { ...serviceAccountUser(namespace, name), uid };
  }

  #userOf(claims: Claims): User {
    const now = this.#clock.now() / 1000;
    if (claims.nbf > now + LEEWAY_MS / 1000) throw new TokenProblem("service account token is not valid yet");
    if (claims.exp <= now) throw new TokenProblem("service account token has expired");
    const { namespace, serviceaccount, pod, secret, node, warnafter } = claims["kubernetes.io"];
    this.#mustLive(`/registry/serviceaccounts/${namespace}/`, serviceaccount, {
      gone: `serviceaccounts "${serviceaccount.name}" not found`,
      deleted: `service account ${namespace}/${serviceaccount.name} has been deleted`,
      other: (uid) => `service account UID (${uid}) does not match claim (${serviceaccount.uid})`,
    });
    this.#mustLive(`/registry/secrets/${namespace}/`, secret, boundTo("secret", secret));
    this.#mustLive(`/registry/pods/${namespace}/`, pod, boundTo("pod", pod));
    // a pod's token only tells of its node
    if (pod === undefined) this.#mustLive("/registry/minions/", node, boundTo("node", node));
    if (warnafter !== undefined) (now > warnafter ? this.#metrics.stale : this.#metrics.valid).inc();
    const extra: Record<string, readonly string[]> = {
      "authentication.kubernetes.io/credential-id": [credentialIdOf(claims)],
    };
    if (pod !== undefined) {
      extra["authentication.kubernetes.io/pod-name"] = [pod.name];
      extra["authentication.kubernetes.io/pod-uid"] = [pod.uid];
    }
    if (node !== undefined) {
      extra["authentication.kubernetes.io/node-name"] = [node.name];
      extra["authentication.kubernetes.io/node-uid"] = [node.uid];
    }
    return { ...serviceAccountUser(namespace, serviceaccount.name), uid: serviceaccount.uid, extra };
  }

  /** @throws {TokenProblem} unless what a token is bound to is there, or was until a minute ago. */
  #mustLive(prefix: string, bound: Bound | undefined, problems: BoundProblems): void {
    if (bound === undefined) return;
    const found = this.#cache.get(prefix + bound.name)?.object.metadata;
    if (found === undefined) throw new TokenProblem(problems.gone);
    if (found.uid !== bound.uid) throw new TokenProblem(problems.other(found.uid ?? ""));
    const { deletionTimestamp } = found;
    if (deletionTimestamp !== undefined && Date.parse(deletionTimestamp) < this.#clock.now() - LEEWAY_MS)
      throw new TokenProblem(problems.deleted);
  }
}

/** What to say of an object that a token is bound to. */
interface BoundProblems {
  readonly gone: string;
  readonly deleted: string;
  readonly other: (uid: string) => string;
}

function boundTo(kind: "secret" | "pod" | "node", bound: Bound | undefined): BoundProblems {
  const gone = "service account token has been invalidated";
  const other = (uid: string): string =>
    `${kind} UID (${uid}) does not match service account ${kind} ref claim (${bound?.uid})`;
  return { gone, deleted: gone, other };
}

/** As Go shows a list of texts. */
function shown(texts: readonly string[]): string {
  return `[${texts.map(goQuote).join(" ")}]`;
}

/** The user that a ServiceAccount is. */
function serviceAccountUser(namespace: string, name: string): User {
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"];
  return { name: `system:serviceaccount:${namespace}:${name}`, groups, extra: {} };
}

/** The token of an Authorization header, or of a WebSocket's subprotocol, where browsers have nowhere else to put it. */
export function bearerOf(headers: Readonly<Record<string, string>>): string | undefined {
  const [scheme, token = ""] = wordsOf(headers);
  if (scheme === "bearer" && token !== "") return token;
  const protocol = /(?:^|[, ])base64url\.bearer\.authorization\.k8s\.io\.([\w-]+)/.exec(
    headers["sec-websocket-protocol"] ?? "",
  );
  return protocol === null ? undefined : Buffer.from(protocol[1] ?? "", "base64url").toString();
}

/** The first is in lower case. */
function wordsOf(headers: Readonly<Record<string, string>>): readonly string[] {
  const [scheme = "", ...words] = (headers["authorization"] ?? "").trim().split(" ");
  return [scheme.toLowerCase(), ...words];
}

/** What to tell of an Authorization header that is passed over. */
export function bearerProblem(headers: Readonly<Record<string, string>>): string | undefined {
  const [scheme, token] = wordsOf(headers);
  if (scheme !== "bearer" || token !== "") return undefined;
  return "the provided Authorization header contains extra space before the bearer token, and is ignored";
}

/** Client certificates: CN is the user, the Os are groups. @param ca PEM: who must stand for them; whoever is trusted by default. */
export function certificateAuthenticator(gates: FeatureGates, ca?: string): Authenticator {
  const isTold = gates.isOn("AllowParsingUserUIDFromCertAuth");
  const users = new WeakMap<PeerCertificate, User>(); // connections ask often
  const userOf = (peer: PeerCertificate): User => {
    if (ca !== undefined && peer.leadsTo?.(ca) !== true) throw ApiError.unauthorized();
    const { commonName, organizations, fingerprint, uids } = peer;
    const [uid, ...more] = isTold ? uids : [];
    if (uid === "" || more.length > 0) throw ApiError.unauthorized();
    return {
      name: commonName,
      ...(uid !== undefined && { uid }),
      groups: [...organizations, "system:authenticated"],
      extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] },
    };
  };
  return {
    authenticate({ peer }) {
      if (peer === "unverified") throw ApiError.unauthorized();
      if (peer === undefined || peer.commonName === "") return undefined;
      let user = users.get(peer);
      if (user === undefined) users.set(peer, (user = userOf(peer)));
      return user;
    },
  };
}

/** Who asks in process says so itself. */
export const inProcessAuthenticator: Authenticator = {
  authenticate: ({ user }) => user,
};

export const ANONYMOUS: User = { name: "system:anonymous", groups: ["system:unauthenticated"], extra: {} };
