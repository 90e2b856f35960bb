import { type Clock, type Logger, TsukubeError } from "@tsukube/foundation";
import type { Authenticator, IncomingRequest, User } from "../../contracts.ts";
import { bearerOf, type ReviewedToken } from "../tokens.ts";
import type { JwtSettings } from "./configuration.ts";
import { issuerOf } from "./issued-tokens.ts";
import { JwtAuthenticator } from "./jwt-authenticator.ts";
import type { JwtMetrics } from "./jwt-metrics.ts";

const LOOK_EVERY_MS = 1000;
const READY_WITHIN_MS = 60_000;

export interface JwtAuthenticatorsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: JwtMetrics;
  /** Of this server. */
  readonly audiences: readonly string[];
  /** Ends what is asked of issuers. */
  readonly signal: AbortSignal;
}

interface Generation {
  readonly authenticators: readonly JwtAuthenticator[];
  readonly end: AbortController;
}

/** Tokens of the issuers of a configuration, which may change. */
export class JwtAuthenticators implements Authenticator {
  readonly #algorithms: readonly string[];
  readonly #deps: JwtAuthenticatorsDeps;
  #current: Generation;

  /** @param algorithms By which tokens may be signed. @throws {TsukubeError} `usage` for issuers that cannot be reached as they ask for. */
  constructor(settings: readonly JwtSettings[], algorithms: readonly string[], deps: JwtAuthenticatorsDeps) {
    this.#algorithms = algorithms;
    this.#deps = deps;
    this.#current = this.#begin(settings);
    deps.signal.addEventListener("abort", () => this.#current.end.abort(), { once: true });
  }

  /** @throws {TokenProblem} for a token of one of these issuers that is not good. */
  authenticate({ headers }: IncomingRequest): Promise<User | undefined> | undefined {
    if (this.#current.authenticators.length === 0) return undefined;
    const token = bearerOf(headers);
    return token === undefined ? undefined : this.userOf(token);
  }

  /** As {@link userOf}; such tokens are for whatever this server is called. */
  async review(token: string, audiences: readonly string[]): Promise<ReviewedToken | undefined> {
    const common = audiences.filter((audience) => this.#deps.audiences.includes(audience));
    const user = common.length === 0 ? undefined : await this.userOf(token);
    return user && { user, audiences: common };
  }

  /** undefined: it is of none of these issuers. @throws {TokenProblem} */
  async userOf(token: string): Promise<User | undefined> {
    const issuer = issuerIn(token);
    const found = this.#current.authenticators.find((one) => one.issuer === issuer);
    if (found === undefined) return undefined;
    const { clock, metrics } = this.#deps;
    const began = clock.monotonic();
    let result: "success" | "failure" = "failure";
    try {
      const user = await found.userOf(token);
      result = "success";
      return user;
    } finally {
      metrics.took(found.issuer, result, clock.monotonic() - began);
    }
  }

  /** Goes on with these issuers, once all of them tell of themselves. @throws why they do not; the former stay. */
  async use(settings: readonly JwtSettings[]): Promise<void> {
    const { clock, metrics, signal } = this.#deps;
    const next = this.#begin(settings);
    const problems = (): readonly string[] => next.authenticators.flatMap(({ problem }) => problem ?? []);
    const late = clock.now() + READY_WITHIN_MS;
    while (problems().length > 0) {
      if (clock.now() >= late || signal.aborted) {
        next.end.abort();
        throw new TsukubeError("unavailable", problems().join("; "));
      }
      await clock.sleep(LOOK_EVERY_MS, signal);
    }
    const former = this.#current;
    this.#current = next;
    former.end.abort();
    const kept = next.authenticators.map(({ issuer }) => issuer);
    for (const { issuer } of former.authenticators) if (!kept.includes(issuer)) metrics.forget(issuer);
  }

  #begin(settings: readonly JwtSettings[]): Generation {
    const { clock, logger, metrics } = this.#deps;
    const egress = settings.find(({ issuer }) => issuer.egressSelectorType !== "")?.issuer.egressSelectorType;
    if (egress !== undefined)
      throw new TsukubeError("usage", `oidc: egress lookup required with egress selector type "${egress}"`);
    const end = new AbortController();
    const authenticators = settings.map((one) => {
      const fetched = (keys: Buffer | undefined): void => {
        if (!end.signal.aborted) metrics.fetched(one.issuer.url, keys);
      };
      return new JwtAuthenticator(one, this.#algorithms, { clock, logger, signal: end.signal, fetched });
    });
    return { authenticators, end };
  }
}

/** undefined: it is no JWT. */
function issuerIn(token: string): string | undefined {
  try {
    return issuerOf(token);
  } catch {
    return undefined;
  }
}
