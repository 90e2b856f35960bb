import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
} from "@tsukube/api/types/admissionregistration-v1";
import type { AdmissionAttributes } from "../../contracts.ts";
import type { Registry } from "../../registry/registry.ts";
import { derived } from "../../storage/derived.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { formFor, type MatchRule, type RequestForm } from "../request-rules.ts";

/** A webhook of a configuration. */
export interface Webhook {
  /** Unlike its name, unique. */
  readonly id: string;
  /** The name of what configures it. */
  readonly configuration: string;
  readonly spec: MutatingWebhook | ValidatingWebhook;
}

/** A webhook to call, and the form that it wants the object in. */
export interface Invocation extends RequestForm {
  readonly webhook: Webhook;
}

/** Configurations by name, their webhooks in order. @param kind "mutating" or "validating". */
export function webhooksOf(cache: WatchCache, kind: "mutating" | "validating"): readonly Webhook[] {
  return WEBHOOKS[kind](cache);
}

const WEBHOOKS = { mutating: webhooksBelow("mutating"), validating: webhooksBelow("validating") };

function webhooksBelow(kind: "mutating" | "validating"): (cache: WatchCache) => readonly Webhook[] {
  const prefix = `/registry/${kind}webhookconfigurations/`;
  return derived([prefix], (cache) =>
    [...cache.head.range(prefix)].flatMap(([, { object }]) => {
      const { metadata, webhooks } = object as MutatingWebhookConfiguration;
      const configuration = metadata?.name ?? "";
      return (webhooks ?? []).map((spec, index) => ({
        id: `${configuration}/${spec.name}/${index}`,
        configuration,
        spec,
      }));
    }),
  );
}

/** How to call the webhook about this request; undefined: not at all. Its match conditions are not looked at. */
export function invocationOf(
  cache: WatchCache,
  registry: Registry,
  webhook: Webhook,
  attributes: AdmissionAttributes,
): Invocation | undefined {
  const selector = { ...webhook.spec, rules: (webhook.spec.rules ?? []) as readonly MatchRule[] };
  const form = formFor(cache, registry, selector, attributes);
  return form === undefined ? undefined : { webhook, ...form };
}
