import { ApiError, CelError, jsonEqual, MATCH_ENVIRONMENT, type Unstructured } from "@tsukube/api";
import type { AdmissionResponse } from "@tsukube/api/types/admission-v1";
import { type Clock, type Logger, messageOf, type Random } from "@tsukube/foundation";
import type { KeptConnections } from "@tsukube/host";
import { settled } from "../../authorization/awaited.ts";
import type { Kubeconfig } from "../../configuration/kubeconfig.ts";
import type { AdmissionAttributes, AdmissionPlugin, ImmediateAuthorizer } from "../../contracts.ts";
import type { Registry } from "../../registry/registry.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { conditionsHold, requestBindings } from "../cel-request.ts";
import { inForm } from "../object-forms.ts";
import { isOfPolicies } from "../policies/policy.ts";
import { denial, patched, responseOf, reviewText, reviewVersionOf, WebhookFailure } from "./review.ts";
import { type Invocation, invocationOf, type Webhook, webhooksOf } from "./webhook.ts";
import { WebhookAnnotations } from "./webhook-annotations.ts";
import { WebhookClient } from "./webhook-client.ts";

export interface WebhookDeps {
  readonly cache: WatchCache;
  readonly registry: Registry;
  readonly authorizer: ImmediateAuthorizer;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly connections: KeptConnections;
  /** Whom they are asked as. */
  readonly credentials?: Kubeconfig | undefined;
}

/** Of a webhook that says nothing. */
const DEFAULT_SECONDS = 10;
const CONFIGURATIONS = new Set(["validatingwebhookconfigurations", "mutatingwebhookconfigurations"]);

/** What could lock everybody out for good is never asked about. */
function isExempt(attributes: AdmissionAttributes): boolean {
  const { group, resource } = attributes.resource;
  return isOfPolicies(attributes) || (group === "admissionregistration.k8s.io" && CONFIGURATIONS.has(resource));
}

/** Webhooks that change objects: one after the other, by the names of their configurations. */
export function mutatingWebhooks(deps: WebhookDeps): AdmissionPlugin {
  const caller = new WebhookCaller(deps);
  return {
    name: "MutatingAdmissionWebhook",
    handles: (attributes) => !isExempt(attributes),
    mutate: (attributes) => caller.mutate(attributes),
  };
}

/** Webhooks that only say no: all at once. */
export function validatingWebhooks(deps: WebhookDeps): AdmissionPlugin {
  const caller = new WebhookCaller(deps);
  return {
    name: "ValidatingAdmissionWebhook",
    handles: (attributes) => !isExempt(attributes),
    validate: (attributes) => caller.validate(attributes),
  };
}

class WebhookCaller {
  readonly #deps: WebhookDeps;
  readonly #client: WebhookClient;

  constructor(deps: WebhookDeps) {
    this.#deps = deps;
    this.#client = new WebhookClient(deps.cache, deps.clock, deps.random, deps.connections, deps.credentials);
  }

  /**
   * The second time round only those are called again that asked for it (reinvocationPolicy IfNeeded) and that have not seen
   * what others changed after them.
   */
  async mutate(attributes: AdmissionAttributes): Promise<Unstructured | undefined> {
    const { reinvocation } = attributes;
    const asked = reinvocation.of("webhooks");
    let { object } = attributes;
    if (reinvocation.isAgain && !jsonEqual(asked.lastOutput, object)) asked.requireAll();
    for (const [index, webhook] of webhooksOf(this.#deps.cache, "mutating").entries()) {
      const current = { ...attributes, object };
      const invocation = await this.#invocation(webhook, current);
      if (invocation === undefined || (reinvocation.isAgain && !asked.isRequired(webhook.id))) continue;
      const round = reinvocation.isAgain ? 1 : 0;
      const notes = new WebhookAnnotations(attributes.context, "mutating", webhook, round, index);
      let isChanged = false;
      try {
        const response = await this.#leftOut(attributes, () => this.#ask(invocation, current, notes));
        const changed = await this.#apply(invocation, current, response, notes);
        isChanged = changed !== undefined && !jsonEqual(changed, object);
        if (isChanged) object = changed;
      } finally {
        notes.mutated(isChanged);
      }
      if (isChanged) {
        asked.requireAll();
        reinvocation.request();
      }
      if ("reinvocationPolicy" in webhook.spec && webhook.spec.reinvocationPolicy === "IfNeeded")
        asked.remember(webhook.id);
    }
    asked.lastOutput = object;
    return object;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const found = webhooksOf(this.#deps.cache, "validating").map((webhook) => this.#invocation(webhook, attributes));
    const invocations = (await Promise.all(found)).filter((invocation) => invocation !== undefined);
    if (invocations.length === 0) return;
    const ask = () =>
      Promise.allSettled(
        invocations.map((one, index) =>
          this.#ask(one, attributes, new WebhookAnnotations(attributes.context, "validating", one.webhook, 0, index)),
        ),
      );
    const answers = await this.#leftOut(attributes, ask);
    for (const answer of answers) if (answer.status === "rejected") throw answer.reason;
  }

  /**
   * The time that others take is not the server's own.
   * @throws {ApiError} 504 for a request whose time is over: nobody is asked.
   */
  async #leftOut<T>({ context }: AdmissionAttributes, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#deps;
    context.time?.mustLast();
    const began = clock.monotonic();
    try {
      return await work();
    } finally {
      context.leaveOut?.(clock.monotonic() - began);
    }
  }

  /** undefined: the request does not concern it. @throws {ApiError} 403 for match conditions without value. */
  async #invocation(webhook: Webhook, attributes: AdmissionAttributes): Promise<Invocation | undefined> {
    const { cache, registry } = this.#deps;
    const invocation = invocationOf(cache, registry, webhook, attributes);
    const conditions = webhook.spec.matchConditions ?? [];
    if (invocation === undefined || conditions.length === 0) return invocation;
    const bindings = requestBindings(this.#deps, invocation, await inForm(registry, invocation, attributes));
    try {
      const holds = await settled(() => conditionsHold(conditions, MATCH_ENVIRONMENT, bindings));
      return holds ? invocation : undefined;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (webhook.spec.failurePolicy === "Ignore") return undefined;
      throw ApiError.forbidden(attributes.resource, attributes.name, error.message);
    }
  }

  async #apply(
    invocation: Invocation,
    attributes: AdmissionAttributes,
    response: AdmissionResponse | undefined,
    notes: WebhookAnnotations,
  ): Promise<Unstructured | undefined> {
    if (response === undefined || (response.patch ?? "") === "") return undefined;
    try {
      if (response.patchType !== "JSONPatch")
        throw new WebhookFailure(`unsupported patch type "${response.patchType ?? ""}"`);
      const object = await patched(this.#deps.registry, invocation, attributes, response.patch ?? "");
      if (object !== undefined) notes.patched(response.patch ?? "");
      return object;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      if (!(error instanceof WebhookFailure)) throw ApiError.internal(error);
      return this.#failed(invocation.webhook, error, notes);
    }
  }

  /** undefined: it could not be asked, and may be ignored. @throws {ApiError} when it says no, or must be asked and cannot. */
  async #ask(
    invocation: Invocation,
    attributes: AdmissionAttributes,
    notes: WebhookAnnotations,
  ): Promise<AdmissionResponse | undefined> {
    const { spec } = invocation.webhook;
    if (attributes.dryRun && spec.sideEffects !== "None" && spec.sideEffects !== "NoneOnDryRun")
      throw ApiError.badRequest(`admission webhook "${spec.name}" does not support dry run`);
    const uid = this.#deps.random.uuid();
    const shown = await inForm(this.#deps.registry, invocation, attributes);
    const body = reviewText(this.#deps.registry, invocation, shown, uid);
    let response: AdmissionResponse;
    try {
      const call = { config: spec.clientConfig, body, signal: attributes.context.signal };
      const answer = await this.#client.post({ ...call, timeoutSeconds: this.#patience(spec, attributes) });
      response = responseOf(answer, reviewVersionOf(invocation.webhook), uid, notes.kind === "mutating");
    } catch (error) {
      return this.#failed(invocation.webhook, error, notes);
    }
    for (const text of response.warnings ?? []) attributes.context.warn(text);
    notes.said(response.auditAnnotations ?? {});
    if (response.allowed !== true) throw denial(spec.name, response.status);
    return response;
  }

  /** Whole seconds: what the webhook may take, or what is left of the request's time. */
  #patience({ timeoutSeconds }: Webhook["spec"], { context }: AdmissionAttributes): number {
    const own = timeoutSeconds ?? DEFAULT_SECONDS;
    if (context.time === undefined) return own;
    return Math.min(own, Math.max(1, Math.ceil((context.time.until - this.#deps.clock.monotonic()) / 1000)));
  }

  /** @throws {ApiError} 500 unless failures are to be ignored. */
  #failed({ spec }: Webhook, error: unknown, notes: WebhookAnnotations): undefined {
    if (!(error instanceof WebhookFailure)) throw error;
    const why = `failed calling webhook "${spec.name}": ${messageOf(error)}`;
    if (spec.failurePolicy !== "Ignore") throw ApiError.internal(new Error(why));
    notes.failedOpen();
    this.#deps.logger.warn("ignoring a webhook that failed", { webhook: spec.name, error: messageOf(error) });
    return undefined;
  }
}
