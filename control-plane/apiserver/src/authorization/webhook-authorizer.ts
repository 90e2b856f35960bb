import { adapt, CelError, type CelProgram, compileCel, encodeUnstructured, type Json } from "@tsukube/api";
import type { SubjectAccessReview, SubjectAccessReviewStatus } from "@tsukube/api/types/authorization-v1";
import { type Clock, messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import { Kubeconfig, type WebhookTarget } from "../configuration/kubeconfig.ts";
import { askWebhook, type WebhookResult } from "../configuration/webhook-call.ts";
import type { AuthorizationAttributes, AuthorizationDecision } from "../contracts.ts";
import { awaitAnswer, toldAnswer } from "./awaited.ts";
import { ACCESS_ENVIRONMENT, type WebhookSettings } from "./configuration.ts";
import type { WebhookMetrics } from "./webhook-metrics.ts";

const KEPT = 8192;
/** Of what a client may choose: longer questions are not remembered. */
const LONGEST_KEPT = 10_000;
const NO_OPINION: AuthorizationDecision = { decision: "no-opinion", reason: "" };

export interface WebhookAuthorizerDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: WebhookMetrics;
  /** Ends what is asked. */
  readonly signal: AbortSignal;
}

/** Asks a server by SubjectAccessReview. */
export class WebhookAuthorizer {
  readonly #name: string;
  readonly #settings: WebhookSettings;
  readonly #deps: WebhookAuthorizerDeps;
  readonly #target: WebhookTarget;
  readonly #conditions: readonly CelProgram[];
  readonly #kind: { readonly kind: string; readonly apiVersion: string };
  readonly #kept = new Map<string, { readonly decision: AuthorizationDecision; readonly until: number }>();

  /** @param settings Valid ones. @throws {TsukubeError} for a kubeconfig that names no server. */
  constructor(name: string, settings: WebhookSettings, deps: WebhookAuthorizerDeps) {
    if (settings.connectionInfo.type !== "KubeConfigFile")
      throw new TsukubeError(
        "usage",
        `Cannot ask authorizer "${name}": connectionInfo is ${settings.connectionInfo.type}, expected KubeConfigFile where the server runs in no pod`,
      );
    this.#name = name;
    this.#settings = settings;
    this.#deps = deps;
    this.#target = Kubeconfig.read(settings.connectionInfo.kubeConfigFile).target(settings.timeout);
    this.#conditions = settings.matchConditions.map(({ expression }) => compileCel(expression, ACCESS_ENVIRONMENT));
    const version = settings.subjectAccessReviewVersion;
    this.#kind = { kind: "SubjectAccessReview", apiVersion: `authorization.k8s.io/${version}` };
  }

  /** Within `settled`: at once, or by an answer that is waited for. */
  decide(attributes: AuthorizationAttributes): AuthorizationDecision {
    const spec = specOf(attributes);
    const key = JSON.stringify(spec);
    const question = `${this.#name} ${key}`;
    const told = toldAnswer(question);
    if (told !== undefined) return told;
    try {
      if (!this.#matches(spec)) return NO_OPINION;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      return this.#failed(error.message);
    }
    const kept = this.#kept.get(key);
    if (kept !== undefined && kept.until > this.#deps.clock.now()) return kept.decision;
    return awaitAnswer(question, () => this.#ask(attributes, spec, key));
  }

  /** One condition that is false decides, whatever the others do. @throws {CelError} */
  #matches(spec: object): boolean {
    if (this.#conditions.length === 0) return true;
    const { clock, metrics } = this.#deps;
    const began = clock.monotonic();
    try {
      const isMatch = this.#conditionsHold(spec);
      if (!isMatch) metrics.excluded.inc({ type: "Webhook", name: this.#name });
      return isMatch;
    } catch (error) {
      metrics.unmatched.inc({ type: "Webhook", name: this.#name });
      throw error;
    } finally {
      metrics.matched(this.#name, clock.monotonic() - began);
    }
  }

  #conditionsHold(spec: object): boolean {
    const request = adapt(shownToConditions(spec));
    const errors: string[] = [];
    for (const program of this.#conditions) {
      try {
        if (program.evaluate(() => request) !== true) return false;
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        errors.push(`cel evaluation error: expression '${program.source}' resulted in error: ${error.message}`);
      }
    }
    if (errors.length > 0) throw new CelError(errors.length === 1 ? errors[0] : `[${errors.join(", ")}]`);
    return true;
  }

  async #ask(attributes: AuthorizationAttributes, spec: object, key: string): Promise<AuthorizationDecision> {
    const { metrics } = this.#deps;
    let last: WebhookResult = "error";
    const attempted = (result: WebhookResult, ms: number): void => {
      last = result;
      metrics.asked(this.#name, result, ms);
    };
    let status: SubjectAccessReviewStatus;
    try {
      const sent = this.#settings.subjectAccessReviewVersion === "v1" ? spec : inBeta(spec);
      const body = encodeUnstructured({ ...this.#kind, metadata: {}, spec: sent as Json, status: { allowed: false } });
      const review = await askWebhook<SubjectAccessReview>(this.#target, this.#kind, body, {
        ...this.#deps,
        attempted,
      });
      status = review.status ?? { allowed: false };
    } catch (error) {
      if (this.#settings.failurePolicy === "NoOpinion") metrics.failedOpen(this.#name, last);
      return this.#failed(messageOf(error));
    }
    const decision = decisionIn(status);
    this.#keep(attributes, key, decision);
    return decision;
  }

  #keep(attributes: AuthorizationAttributes, key: string, decision: AuthorizationDecision): void {
    const { cacheAuthorizedRequests, authorizedTTL, cacheUnauthorizedRequests, unauthorizedTTL } = this.#settings;
    const { namespace, verb, group, version, resource, subresource, name, path } = attributes;
    const chosen = [namespace, verb, group, version, resource, subresource, name, path];
    if (chosen.reduce((size, text) => size + Buffer.byteLength(text), 0) >= LONGEST_KEPT) return;
    const isAllowed = decision.decision === "allow";
    const isKept = isAllowed ? cacheAuthorizedRequests : cacheUnauthorizedRequests;
    if (!isKept) return;
    const until = this.#deps.clock.now() + (isAllowed ? authorizedTTL : unauthorizedTTL);
    this.#kept.delete(key);
    this.#kept.set(key, { decision, until });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }

  #failed(problem: string): AuthorizationDecision {
    return { decision: this.#settings.failurePolicy === "Deny" ? "deny" : "no-opinion", reason: "", problem };
  }
}

function decisionIn({ allowed, denied, reason = "" }: SubjectAccessReviewStatus): AuthorizationDecision {
  const problem = "webhook subject access review returned both allow and deny response";
  if (denied === true) return { decision: "deny", reason, ...(allowed === true && { problem }) };
  return { decision: allowed === true ? "allow" : "no-opinion", reason };
}

/** Pure: what is asked. */
function specOf({ user, isResource, fieldSelector = [], ...asked }: AuthorizationAttributes): object {
  const { namespace, verb, group, version, resource, subresource, name, path } = asked;
  const told = { namespace, verb, group, version, resource, subresource, name };
  const requirements = fieldSelector.map(({ field, operator, value }) => ({
    ...{ key: field, operator: operator === "!=" ? "NotIn" : "In", values: [value] },
  }));
  return {
    ...(isResource
      ? {
          resourceAttributes: {
            ...Object.fromEntries(Object.entries(told).filter(([, text]) => text !== "")),
            ...(requirements.length > 0 && { fieldSelector: { requirements } }),
          },
        }
      : { nonResourceAttributes: { path, verb } }),
    user: user.name,
    ...(user.groups.length > 0 && { groups: user.groups }),
    ...(Object.keys(user.extra).length > 0 && { extra: user.extra }),
    ...(user.uid !== undefined && user.uid !== "" && { uid: user.uid }),
  };
}

/** Expressions see texts that are empty, too. */
function shownToConditions(spec: object): Json {
  const { resourceAttributes: given, ...rest } = spec as { readonly resourceAttributes?: object };
  const empty = { namespace: "", verb: "", group: "", version: "", resource: "", subresource: "", name: "" };
  const shown = {
    ...{ groups: [], extra: {}, uid: "" },
    ...rest,
    ...(given !== undefined && { resourceAttributes: { ...empty, ...given } }),
  };
  return shown as unknown as Json;
}

/** In v1beta1 groups have another name. */
function inBeta(spec: object): object {
  const { groups, ...rest } = spec as { readonly groups?: readonly string[] };
  return { ...rest, ...(groups !== undefined && { group: groups }) };
}
