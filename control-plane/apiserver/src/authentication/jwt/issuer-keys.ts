import { createPublicKey, type JsonWebKeyInput } from "node:crypto";
import { decodeUnstructured, goQuote } from "@tsukube/api";
import { type Clock, type Logger, messageOf } from "@tsukube/foundation";
import { TokenKey } from "../token-key.ts";
import { TokenProblem } from "../token-problem.ts";
import type { IssuerAnswer, IssuerClient } from "./issuer-client.ts";

const LOOK_AGAIN_MS = 10_000;
/** Keys that go stale so soon are fetched again for a token that none of them signed. */
const STALE_MS = 30_000;

interface PublishedKey {
  readonly kid: string;
  readonly key: TokenKey;
}

export interface IssuerKeysDeps {
  readonly client: IssuerClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Told of each answer with keys; undefined: there was none. */
  fetched?(keys: Buffer | undefined): void;
}

/** The keys that an issuer publishes, by way of OpenID Connect Discovery. They are asked for again when a token names none of them. */
export class IssuerKeys {
  readonly #url: string;
  readonly #discoveryUrl: string;
  readonly #deps: IssuerKeysDeps;
  #place: string | undefined;
  #problem: string;
  #keys: readonly PublishedKey[] = [];
  /** In ms since the epoch. */
  #goodUntil = 0;
  #fetching: Promise<readonly PublishedKey[]> | undefined;

  /** Begins to look for them. @param discoveryUrl Where it tells of itself; "": below its URL. */
  constructor(url: string, discoveryUrl: string, deps: IssuerKeysDeps) {
    this.#url = url;
    this.#discoveryUrl = discoveryUrl || `${url.replace(/\/$/, "")}/.well-known/openid-configuration`;
    this.#deps = deps;
    this.#problem = `oidc: authenticator for issuer ${goQuote(url)} is not initialized`;
    void this.#look();
  }

  /** Why there are none yet. */
  get problem(): string | undefined {
    return this.#place === undefined ? this.#problem : undefined;
  }

  /** @throws {TokenProblem} unless one of its keys signed the text. */
  async mustHaveSigned(text: string, signature: Uint8Array, alg: string, kid: string | undefined): Promise<void> {
    const { clock } = this.#deps;
    const isSigned = (keys: readonly PublishedKey[]): boolean =>
      keys.some((one) => (kid === undefined || one.kid === kid) && one.key.verifies(text, signature, alg));
    if (isSigned(this.#keys)) return;
    const refused = new TokenProblem("failed to verify signature: failed to verify id token signature");
    if (clock.now() + STALE_MS <= this.#goodUntil) throw refused;
    let keys: readonly PublishedKey[];
    try {
      keys = await this.#fetch();
    } catch (error) {
      throw new TokenProblem(`failed to verify signature: fetching keys ${messageOf(error)}`);
    }
    if (!isSigned(keys)) throw refused;
  }

  async #look(): Promise<void> {
    const { client, clock, logger, signal } = this.#deps;
    try {
      this.#place = placeIn(await client.get(this.#discoveryUrl), this.#url);
    } catch (error) {
      if (signal.aborted) return;
      this.#problem = messageOf(error);
      logger.error("oidc authenticator: initializing plugin", { issuer: this.#url, error: this.#problem });
      const cancel = clock.after(LOOK_AGAIN_MS, () => void this.#look(), { background: true });
      signal.addEventListener("abort", cancel, { once: true });
    }
  }

  #fetch(): Promise<readonly PublishedKey[]> {
    this.#fetching ??= this.#fetched().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetched(): Promise<readonly PublishedKey[]> {
    const { client, clock, fetched } = this.#deps;
    let answer: IssuerAnswer | undefined;
    try {
      answer = await client.get(this.#place ?? "");
      if (answer.status !== 200) throw new Error(`oidc: get keys failed: ${answer.status} ${answer.body.toString()}`);
      this.#keys = keysIn(answer.body);
    } catch (error) {
      fetched?.(undefined);
      throw error;
    }
    fetched?.(answer.body);
    const seconds = /(?:^|[, ])max-age=(\d+)/.exec(answer.cacheControl)?.[1];
    const isKept = seconds !== undefined && !/no-(?:store|cache)/.test(answer.cacheControl);
    this.#goodUntil = clock.now() + (isKept ? Number(seconds) * 1000 : 0);
    return this.#keys;
  }
}

/** Where its keys are. @throws unless the answer is what the issuer tells of itself. */
function placeIn({ status, body }: IssuerAnswer, url: string): string {
  if (status !== 200) throw new Error(`${status}: ${body.toString()}`);
  const { issuer, jwks_uri: place } = objectIn<{ readonly issuer?: string; readonly jwks_uri?: string }>(
    body,
    "provider discovery object",
  );
  if (issuer !== url) {
    const told = goQuote(String(issuer ?? ""));
    throw new Error(`oidc: issuer did not match the issuer returned by provider, expected ${goQuote(url)} got ${told}`);
  }
  if (typeof place !== "string" || place === "") throw new Error("provider did not return JWKS URL");
  return place;
}

function keysIn(body: Buffer): readonly PublishedKey[] {
  const { keys } = objectIn<{ readonly keys?: readonly (JsonWebKeyInput["key"] & { readonly kid?: string })[] }>(
    body,
    "keys",
  );
  return (keys ?? []).flatMap((jwk) => {
    try {
      return [{ kid: jwk.kid ?? "", key: new TokenKey(createPublicKey({ key: jwk, format: "jwk" })) }];
    } catch {
      return []; // of kinds that no token of ours is signed with
    }
  });
}

function objectIn<T extends object>(body: Buffer, what: string): T {
  try {
    return decodeUnstructured<T>(body).object;
  } catch (error) {
    throw new Error(`oidc: failed to decode ${what}: ${messageOf(error)}`);
  }
}
