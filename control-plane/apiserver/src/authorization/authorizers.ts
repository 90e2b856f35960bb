import { type Clock, type Metrics, type Random, TsukubeError } from "@tsukube/foundation";
import type { ImmediateAuthorizer } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import type { AuthorizerSettings } from "./configuration.ts";
import { NodeAuthorizer } from "./node.ts";
import { NodeGraph } from "./node-graph.ts";
import type { RbacAuthorizer } from "./rbac.ts";
import { alwaysAllow, alwaysDeny, type NamedAuthorizer, unionAuthorizer } from "./union.ts";
import { WebhookAuthorizer } from "./webhook-authorizer.ts";
import { WebhookMetrics } from "./webhook-metrics.ts";

/** Upstream's, of its --authorization-mode. */
export type AuthorizationMode = "Node" | "RBAC" | "AlwaysAllow" | "AlwaysDeny" | "Webhook";

/** The server of the mode Webhook, as of kube-apiserver's --authorization-webhook-*. */
export interface AuthorizationWebhookOptions {
  /** A kubeconfig. */
  readonly configFile: string;
  /** Of the SubjectAccessReview: v1beta1 without it, as upstream. */
  readonly version?: "v1" | "v1beta1";
  /** How long answers are kept: five minutes and 30 s without them; 0: not at all. */
  readonly authorizedTtlMs?: number;
  readonly unauthorizedTtlMs?: number;
}

/** Pure: what the flags mean as a configuration. @throws {TsukubeError} `usage` unless there is a webhook where the modes have it. */
export function settingsOf(
  modes: readonly AuthorizationMode[],
  webhook: AuthorizationWebhookOptions | undefined,
): readonly AuthorizerSettings[] {
  if (new Set(modes).size < modes.length)
    throw new TsukubeError("usage", `authorization-mode [${modes.join(" ")}] has mode specified more than once`);
  if (webhook !== undefined && !modes.includes("Webhook"))
    throw new TsukubeError("usage", "cannot specify --authorization-webhook-config-file without mode Webhook");
  return modes.map((type) => {
    if (type !== "Webhook") return { type, name: type.toLowerCase() };
    if (webhook === undefined)
      throw new TsukubeError("usage", "authorization-mode Webhook's authorization config file not passed");
    const { configFile, version = "v1beta1", authorizedTtlMs = 300_000, unauthorizedTtlMs = 30_000 } = webhook;
    return {
      ...{ type, name: "default" },
      webhook: {
        ...{ authorizedTTL: authorizedTtlMs, cacheAuthorizedRequests: authorizedTtlMs > 0 },
        ...{ unauthorizedTTL: unauthorizedTtlMs, cacheUnauthorizedRequests: unauthorizedTtlMs > 0 },
        ...{ timeout: 30_000, failurePolicy: "NoOpinion", subjectAccessReviewVersion: version },
        ...{ matchConditionSubjectAccessReviewVersion: "", matchConditions: [] },
        connectionInfo: { type: "KubeConfigFile", kubeConfigFile: configFile },
      },
    };
  });
}

export interface AuthorizersDeps {
  readonly cache: WatchCache;
  readonly rbac: RbacAuthorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  /** Ends what others are asked. */
  readonly signal: AbortSignal;
}

/** Who is asked what users may do, in this order, which may change. */
export class Authorizers {
  readonly authorizer: ImmediateAuthorizer;
  readonly #deps: AuthorizersDeps;
  readonly #metrics: WebhookMetrics;
  readonly #node: NodeAuthorizer | undefined;
  #settings: readonly AuthorizerSettings[];
  #current: readonly NamedAuthorizer[];

  /** @throws {TsukubeError} for a webhook that cannot be asked. */
  constructor(settings: readonly AuthorizerSettings[], deps: AuthorizersDeps) {
    this.#deps = deps;
    this.#metrics = new WebhookMetrics(deps.metrics);
    this.#node = settings.some(({ type }) => type === "Node")
      ? new NodeAuthorizer(new NodeGraph(deps.cache))
      : undefined;
    this.#settings = settings;
    this.#current = settings.map((one) => this.#made(one));
    this.authorizer = unionAuthorizer(() => this.#current);
  }

  /** Asks these from now on. @throws {TsukubeError} for what cannot be asked: the former are. */
  use(settings: readonly AuthorizerSettings[]): void {
    this.#current = settings.map((one) => this.#made(one));
    this.#settings = settings;
  }

  has(type: AuthorizationMode): boolean {
    return this.#settings.some((one) => one.type === type);
  }

  #made({ type, name, webhook }: AuthorizerSettings): NamedAuthorizer {
    const inner = this.#inner(type, name, webhook);
    const counted = (decision: string) => this.#metrics.decisions.of({ type, name, decision });
    const [allowed, denied] = [counted("allowed"), counted("denied")];
    return {
      name,
      decide: (attributes) => {
        const made = inner.decide(attributes);
        if (made.decision === "allow") allowed.inc();
        else if (made.decision === "deny") denied.inc();
        return made;
      },
    };
  }

  #inner(type: string, name: string, webhook: AuthorizerSettings["webhook"]): Pick<ImmediateAuthorizer, "decide"> {
    if (webhook !== undefined) return new WebhookAuthorizer(name, webhook, { ...this.#deps, metrics: this.#metrics });
    switch (type) {
      case "RBAC":
        return this.#deps.rbac;
      case "AlwaysAllow":
        return alwaysAllow;
      case "AlwaysDeny":
        return alwaysDeny;
      default:
        if (this.#node === undefined)
          throw new TsukubeError(
            "usage",
            "authorizer type Node is not allowed if it was not enabled at initial server startup",
          );
        return this.#node;
    }
  }
}
