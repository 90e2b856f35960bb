import type { GroupVersionKind, GroupVersionResource } from "@tsukube/api";
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
} from "@tsukube/api/types/admissionregistration-v1";
import type { AdmissionAttributes } from "../../contracts.ts";
import type { Registry } from "../../registry/registry.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { type MatchRule, matchesNamespace, matchesObject, matchesRule } from "./rules.ts";

/** A webhook of a configuration. */
export interface Webhook {
  /** Unlike its name, unique. */
  readonly id: string;
  readonly spec: MutatingWebhook | ValidatingWebhook;
}

/** A webhook to call, and the form that it wants the object in. */
export interface Invocation {
  readonly webhook: Webhook;
  readonly resource: GroupVersionResource;
  readonly kind: GroupVersionKind;
}

/** Configurations by name, their webhooks in order. @param kind "mutating" or "validating". */
export function webhooksOf(cache: WatchCache, kind: "mutating" | "validating"): readonly Webhook[] {
  const found: Webhook[] = [];
  for (const [, cached] of cache.head.range(`/registry/${kind}webhookconfigurations/`)) {
    const { metadata, webhooks } = cached.object as MutatingWebhookConfiguration;
    (webhooks ?? []).forEach((spec, index) => {
      found.push({ id: `${metadata?.name}/${spec.name}/${index}`, spec });
    });
  }
  return found;
}

/** How to call the webhook about this request; undefined: not at all. Its match conditions are not looked at. */
export function invocationOf(
  cache: WatchCache,
  registry: Registry,
  webhook: Webhook,
  attributes: AdmissionAttributes,
): Invocation | undefined {
  const { namespaceSelector, objectSelector, rules, matchPolicy } = webhook.spec;
  if (!matchesNamespace(cache, namespaceSelector, attributes) || !matchesObject(objectSelector, attributes))
    return undefined;
  const all = (rules ?? []) as readonly MatchRule[];
  const { resource, kind } = attributes;
  if (all.some((rule) => matchesRule(rule, attributes))) return { webhook, resource, kind };
  if (matchPolicy === "Exact") return undefined;
  return equivalentOf(registry, attributes, all, webhook);
}

/** The first rule that knows the object under another of its versions decides the form. */
function equivalentOf(
  registry: Registry,
  attributes: AdmissionAttributes,
  rules: readonly MatchRule[],
  webhook: Webhook,
): Invocation | undefined {
  const own = registry.get(attributes.resource.group, attributes.resource.version, attributes.resource.resource);
  if (own === undefined) return undefined;
  for (const rule of rules) {
    for (const other of registry.all()) {
      if (other === own || other.storage.prefix !== own.storage.prefix) continue;
      if (!matchesRule(rule, { ...attributes, resource: other })) continue;
      const isMain = attributes.kind.kind === own.kind;
      return { webhook, resource: other, kind: isMain ? other : attributes.kind };
    }
  }
  return undefined;
}
