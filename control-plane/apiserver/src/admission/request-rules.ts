import {
  type GroupVersionKind,
  type GroupVersionResource,
  type LabelMatcher,
  labelMatcherOf,
  type Unstructured,
} from "@tsukube/api";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";
import type { AdmissionAttributes } from "../contracts.ts";
import type { Registry } from "../registry/registry.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

/** Which requests something is about: of webhooks and of admission policies alike. */
export interface MatchRule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly scope?: string;
}

type Asked = Pick<AdmissionAttributes, "operation" | "resource" | "subresource" | "namespace" | "name">;

/** Whether the rule covers the request. "pods" is the pods themselves, "pods/*" all their subresources too. */
function matchesRule(rule: MatchRule, asked: Asked): boolean {
  const { group, version, resource } = asked.resource;
  const has = (values: readonly string[] | undefined, value: string): boolean =>
    (values ?? []).includes("*") || (values ?? []).includes(value);
  const isNamespace = group === "" && resource === "namespaces";
  const isNamespaced = asked.namespace !== "" && !isNamespace;
  if (rule.scope === "Namespaced" && !isNamespaced) return false;
  if (rule.scope === "Cluster" && isNamespaced) return false;
  if (!has(rule.operations, asked.operation) || !has(rule.apiGroups, group) || !has(rule.apiVersions, version))
    return false;
  const names = rule.resourceNames ?? [];
  if (names.length > 0 && !names.includes(asked.name)) return false;
  return (rule.resources ?? []).some((pattern) => {
    const [main = "", sub = ""] = pattern.split("/");
    return (main === "*" || main === resource) && (sub === "*" || sub === asked.subresource);
  });
}

const matchers = new WeakMap<LabelSelector, LabelMatcher>();

function matcherOf(selector: LabelSelector): LabelMatcher {
  const present = matchers.get(selector) ?? labelMatcherOf(selector);
  matchers.set(selector, present);
  return present;
}

function isEmpty(selector: LabelSelector | null | undefined): selector is undefined | null {
  const { matchLabels, matchExpressions } = selector ?? {};
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0;
}

/** Objects of the cluster belong to no namespace and match always; a namespace matches by its own labels. */
function matchesNamespace(
  cache: WatchCache,
  selector: LabelSelector | null | undefined,
  { resource, subresource, operation, namespace, object, name }: AdmissionAttributes,
): boolean {
  const isNamespace = resource.group === "" && resource.resource === "namespaces";
  if (isEmpty(selector) || (namespace === "" && !isNamespace)) return true;
  const isWritten = isNamespace && subresource === "" && (operation === "CREATE" || operation === "UPDATE");
  const found = isWritten ? object : cache.get(`/registry/namespaces/${isNamespace ? name : namespace}`)?.object;
  return matcherOf(selector as LabelSelector).matches(found?.metadata?.labels);
}

/** The object as it was or as it shall be; what a connection is asked for has no labels that could lack something. */
function matchesObject(
  selector: LabelSelector | null | undefined,
  { operation, object, oldObject }: Pick<AdmissionAttributes, "operation" | "object" | "oldObject">,
): boolean {
  if (isEmpty(selector)) return true;
  if (operation === "CONNECT") return false;
  const matches = (of: Unstructured | undefined): boolean =>
    of !== undefined && matcherOf(selector as LabelSelector).matches(of.metadata?.labels);
  return matches(object) || matches(oldObject);
}

/** Which requests something wants to see, and whether it may be shown another version of the object. */
export interface RequestSelector {
  readonly namespaceSelector?: LabelSelector | null;
  readonly objectSelector?: LabelSelector | null;
  readonly rules: readonly MatchRule[];
  readonly exclude?: readonly MatchRule[];
  readonly matchPolicy?: string | null;
}

/** The form in which a request is shown. */
export interface RequestForm {
  readonly resource: GroupVersionResource;
  readonly kind: GroupVersionKind;
}

/** How the selector's owner sees the request; undefined: it does not concern it. */
export function formFor(
  cache: WatchCache,
  registry: Registry,
  selector: RequestSelector,
  attributes: AdmissionAttributes,
): RequestForm | undefined {
  const { namespaceSelector, objectSelector, rules, exclude, matchPolicy } = selector;
  if (!matchesNamespace(cache, namespaceSelector, attributes) || !matchesObject(objectSelector, attributes))
    return undefined;
  const isLoose = matchPolicy !== "Exact";
  if (matchRules(registry, exclude ?? [], isLoose, attributes) !== undefined) return undefined;
  return matchRules(registry, rules, isLoose, attributes);
}

/** The first rule that knows the object, under the request's version or another, decides the form. */
function matchRules(
  registry: Registry,
  rules: readonly MatchRule[],
  isLoose: boolean,
  attributes: AdmissionAttributes,
): RequestForm | undefined {
  const { resource, kind } = attributes;
  if (rules.some((rule) => matchesRule(rule, attributes))) return { resource, kind };
  const own = isLoose ? registry.get(resource.group, resource.version, resource.resource) : undefined;
  if (own === undefined) return undefined;
  for (const rule of rules) {
    for (const other of registry.all()) {
      if (other === own || other.storage.prefix !== own.storage.prefix) continue;
      if (!matchesRule(rule, { ...attributes, resource: other })) continue;
      return { resource: other, kind: kind.kind === own.kind ? other : kind };
    }
  }
  return undefined;
}
