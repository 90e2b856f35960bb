import { createHash } from "node:crypto";
import { encodeUnstructured } from "@tsukube/api";
import type { TokenReview, TokenReviewStatus } from "@tsukube/api/types/authentication-v1";
import { type Clock, messageOf, type Random } from "@tsukube/foundation";
import { Kubeconfig, type WebhookTarget } from "../configuration/kubeconfig.ts";
import { askWebhook } from "../configuration/webhook-call.ts";
import type { Authenticator, IncomingRequest, User } from "../contracts.ts";
import { TokenProblem } from "./token-problem.ts";
import { bearerOf, type ReviewedToken } from "./tokens.ts";

/** A server that knows whose tokens are, as of kube-apiserver's --authentication-token-webhook-*. */
export interface TokenWebhookOptions {
  /** A kubeconfig. */
  readonly configFile: string;
  /** Of the TokenReview: v1beta1 without it, as upstream. */
  readonly version?: "v1" | "v1beta1";
  /** How long answers are kept: two minutes without it. */
  readonly cacheTtlMs?: number;
}

const TTL_MS = 120_000;
const KEPT = 4096;
const AUTHENTICATED = "system:authenticated";

interface Kept {
  readonly answer: ReviewedToken | undefined;
  readonly problem: string;
  readonly until: number;
}

/** Tokens that another server knows. */
export class TokenWebhook implements Authenticator {
  readonly #target: WebhookTarget;
  readonly #kind: { readonly kind: string; readonly apiVersion: string };
  readonly #ttlMs: number;
  readonly #audiences: readonly string[];
  readonly #deps: { readonly clock: Clock; readonly random: Random; readonly signal: AbortSignal };
  readonly #kept = new Map<string, Kept>();
  readonly #asking = new Map<string, Promise<ReviewedToken | undefined>>();

  /** @param audiences Of this server. @throws {TsukubeError} `invalid` for a kubeconfig that names no server. */
  constructor(
    { configFile, version = "v1beta1", cacheTtlMs = TTL_MS }: TokenWebhookOptions,
    audiences: readonly string[],
    deps: { readonly clock: Clock; readonly random: Random; readonly signal: AbortSignal },
  ) {
    this.#target = Kubeconfig.read(configFile).target();
    this.#kind = { kind: "TokenReview", apiVersion: `authentication.k8s.io/${version}` };
    this.#ttlMs = cacheTtlMs;
    this.#audiences = audiences;
    this.#deps = deps;
  }

  /** @throws {TokenProblem} when it is not known whose the token is. */
  async authenticate({ headers }: IncomingRequest): Promise<User | undefined> {
    const token = bearerOf(headers);
    return token === undefined ? undefined : (await this.review(token, this.#audiences))?.user;
  }

  /** Whose a token is that is for one of these audiences; undefined: the server knows of none. @throws {TokenProblem} */
  review(token: string, audiences: readonly string[]): Promise<ReviewedToken | undefined> {
    const key = createHash("sha256")
      .update(JSON.stringify([token, audiences]))
      .digest("base64");
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > this.#deps.clock.now()) return answered(kept);
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(key, token, audiences).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return asking;
  }

  async #ask(key: string, token: string, audiences: readonly string[]): Promise<ReviewedToken | undefined> {
    let status: TokenReviewStatus;
    try {
      const object = { ...this.#kind, metadata: {}, spec: { token, audiences }, status: { user: {} } };
      const review = await askWebhook<TokenReview>(this.#target, this.#kind, encodeUnstructured(object), this.#deps);
      status = review.status ?? {};
    } catch (error) {
      throw new TokenProblem(messageOf(error));
    }
    const problem = status.authenticated === true ? "" : (status.error ?? "");
    const next: Kept = {
      answer: this.#answerIn(status, audiences),
      problem,
      until: this.#deps.clock.now() + this.#ttlMs,
    };
    // what the server could not tell it may tell the next time
    if (problem === "") this.#keep(key, next);
    return answered(next);
  }

  #answerIn(status: TokenReviewStatus, audiences: readonly string[]): ReviewedToken | undefined {
    const told = status.audiences ?? [];
    const own = told.length > 0 ? told : this.#audiences;
    const common = audiences.filter((audience) => own.includes(audience));
    if (status.authenticated !== true || common.length === 0) return undefined;
    const { username = "", uid = "", groups: given, extra } = status.user ?? {};
    const groups = given ?? [];
    return {
      user: {
        name: username,
        ...(uid !== "" && { uid }),
        groups: groups.includes(AUTHENTICATED) ? groups : [...groups, AUTHENTICATED],
        extra: (extra ?? {}) as User["extra"],
      },
      audiences: common,
    };
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }
}

async function answered({ answer, problem }: Kept): Promise<ReviewedToken | undefined> {
  if (problem !== "") throw new TokenProblem(problem);
  return answer;
}
