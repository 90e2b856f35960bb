import { isDeepStrictEqual } from "node:util";
import type { FeatureGates } from "@tsukube/api";
import { type Clock, type Lifetime, type Logger, type Metrics, type Random, TsukubeError } from "@tsukube/foundation";
import { followFile } from "../configuration/followed-file.ts";
import { ReloadMetrics } from "../configuration/reload-metrics.ts";
import type { Authenticator, User } from "../contracts.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { type AuthenticationOptions, OWN_ISSUER, readAuthentication } from "./authentication-options.ts";
import { BootstrapTokenAuthenticator } from "./bootstrap-tokens.ts";
import { type Anonymous, parseAuthentication } from "./jwt/configuration.ts";
import { JwtAuthenticators } from "./jwt/jwt-authenticators.ts";
import { JwtMetrics } from "./jwt/jwt-metrics.ts";
import { legacyUseNotes } from "./legacy-tokens.ts";
import { type RequestHeaders, requestHeaderAuthenticator } from "./request-headers.ts";
import { StaticTokens } from "./static-tokens.ts";
import { TokenWebhook, type TokenWebhookOptions } from "./token-webhook.ts";
import {
  certificateAuthenticator,
  inProcessAuthenticator,
  type ReviewedToken,
  ServiceAccountAuthenticator,
  Tokens,
} from "./tokens.ts";

/** Who is believed to be whom. */
export interface CredentialOptions {
  /** PKCS #8 PEM (RSA, P-256, P-384 or P-521) that signs ServiceAccount tokens. */
  readonly serviceAccountKey: string;
  /** PEM of public keys or certificates: ServiceAccount tokens that theirs signed are good, too. */
  readonly otherServiceAccountKeys?: readonly string[];
  /** Of ServiceAccount tokens: "https://kubernetes.default.svc.cluster.local" without it. */
  readonly serviceAccountIssuer?: string;
  /** ServiceAccount tokens that say that these issued them are good, too. */
  readonly otherServiceAccountIssuers?: readonly string[];
  /** Of tokens that are for this server: the issuers without them. */
  readonly audiences?: readonly string[];
  /** Whether who shows no credentials is system:anonymous, about whom rules say more, where not everything is allowed: true without it. */
  readonly anonymousAuth?: boolean;
  /** Whose tokens are believed, too, and who needs none; it may say more than `anonymousAuth`. */
  readonly authentication?: AuthenticationOptions;
  /** Who is asked whose a token is that nobody knows here. */
  readonly tokenWebhook?: TokenWebhookOptions;
  /** Further users and their tokens, as {@link StaticTokens} reads them. */
  readonly staticTokens?: string;
  /** Proxies in front of this server that speak for users; there are none without it. */
  readonly requestHeaders?: RequestHeaders;
  /** Of the machine, by which metrics tell servers apart. */
  readonly hostname?: string;
}

export interface AuthenticationDeps {
  readonly cache: WatchCache;
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly gates: FeatureGates;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Whether everything is allowed: to who has credentials then, unless a configuration says who needs none, as upstream. */
  readonly allowsAll: boolean;
  /** Ends what others are asked, and that the configuration is followed. */
  readonly lifetime: Lifetime;
}

interface TokenReviewer {
  /** Whose a token is that is for one of these audiences; undefined: of nobody it knows. @throws {TokenProblem} */
  review(token: string, audiences: readonly string[]): Promise<ReviewedToken | undefined> | ReviewedToken | undefined;
}

/** Who is who. */
export class Authentication {
  /** In the order in which they are asked. */
  readonly authenticators: readonly Authenticator[];
  /** Makes tokens of ServiceAccounts. */
  readonly tokens: Tokens;
  /** Who is asked in this order whose a token is, where it is none of {@link userOf}. */
  readonly reviewers: readonly TokenReviewer[];
  /** Of tokens that are for this server. */
  readonly audiences: readonly string[];
  readonly #static: StaticTokens | undefined;
  readonly #bootstrap: BootstrapTokenAuthenticator;
  readonly #anonymous: Anonymous;

  /**
   * @param clientCa PEM: who vouches for users, where proxies have certificates as well.
   * @throws {TsukubeError} `usage` for options that are at odds, and for a configuration that is wrong.
   */
  constructor(options: CredentialOptions, clientCa: string | undefined, deps: AuthenticationDeps) {
    const { cache, store, registry, gates, clock, random, logger, metrics, lifetime } = deps;
    const { serviceAccountIssuer: issuer = OWN_ISSUER, otherServiceAccountIssuers: otherIssuers = [] } = options;
    const issuers = [issuer, ...otherIssuers];
    const { audiences = issuers, otherServiceAccountKeys: otherKeys = [] } = options;
    this.audiences = audiences;
    const key = options.serviceAccountKey;
    this.tokens = new Tokens({ key, issuer, audiences, otherIssuers, otherKeys, clock, random });
    const noteLegacyUse = legacyUseNotes(store, registry, clock, logger);
    this.#static = options.staticTokens === undefined ? undefined : new StaticTokens(options.staticTokens);
    this.#bootstrap = new BootstrapTokenAuthenticator(cache, clock);
    const { configuration, algorithms, text = "" } = readAuthentication(options.authentication ?? {}, issuers);
    const { anonymous } = configuration;
    if (anonymous !== undefined && options.anonymousAuth !== undefined)
      throw new TsukubeError(
        "usage",
        "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file",
      );
    this.#anonymous = anonymous ?? { enabled: options.anonymousAuth !== false && !deps.allowsAll, conditions: [] };
    const hostname = options.hostname ?? "";
    const jwt = new JwtAuthenticators(configuration.jwt, algorithms, {
      ...{ clock, logger, audiences, signal: lifetime.signal },
      metrics: new JwtMetrics(metrics, clock, hostname),
    });
    const { tokenWebhook: webhook } = options;
    const bearers = [
      new ServiceAccountAuthenticator(this.tokens, cache, audiences, noteLegacyUse, { metrics, clock }),
      jwt,
      ...(webhook === undefined
        ? []
        : [new TokenWebhook(webhook, audiences, { clock, random, signal: lifetime.signal })]),
    ];
    this.reviewers = bearers;
    const { requestHeaders } = options;
    this.authenticators = [
      inProcessAuthenticator,
      ...(requestHeaders === undefined ? [] : [requestHeaderAuthenticator(requestHeaders)]),
      certificateAuthenticator(gates, requestHeaders === undefined ? undefined : (clientCa ?? "")),
      ...(this.#static === undefined ? [] : [this.#static]),
      this.#bootstrap,
      ...bearers,
    ];
    const path = options.authentication?.file;
    if (path === undefined) return;
    const use = (changed: string): Promise<void> | void => {
      const next = parseAuthentication(changed, issuers);
      if (!isDeepStrictEqual(next.anonymous, anonymous))
        throw new TsukubeError("usage", "anonymous: Forbidden: changed from initial configuration file");
      return jwt.use(next.jwt);
    };
    lifetime.add(
      "authentication configuration",
      followFile(
        { what: "authentication", path, text, use },
        { clock, logger, metrics: new ReloadMetrics("authentication", metrics, clock, hostname) },
      ),
    );
  }

  /** Whose a token of no ServiceAccount is. */
  userOf(token: string): User | undefined {
    return this.#static?.userOf(token) ?? this.#bootstrap.userOf(token);
  }

  /** Whether who shows no credentials may ask for this path as system:anonymous. */
  admitsAnonymous(path: string): boolean {
    const { enabled, conditions } = this.#anonymous;
    return enabled && (conditions.length === 0 || conditions.some((condition) => condition.path === path));
  }
}
