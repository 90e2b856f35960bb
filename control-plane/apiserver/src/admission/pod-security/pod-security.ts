import { ApiError, jsonEqual, type Unstructured } from "@tsukube/api";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import type { Metrics } from "@tsukube/foundation";
import type { AdmissionAttributes, AdmissionPlugin } from "../../contracts.ts";
import type { WatchCache } from "../../storage/watch-cache.ts";
import { containersOf, type Finding, type PodLike } from "./check.ts";
import { Evaluations } from "./evaluations.ts";
import {
  findings,
  findingsText,
  isSame,
  isStricter,
  labelledText,
  MODES,
  type Policy,
  policyOf,
  type Standard,
  standardText,
  UNRESTRICTED,
} from "./policy.ts";
import type { PodSecuritySettings } from "./settings.ts";

/** Where kinds have pod templates, by "group/resource". */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  "/podtemplates": ["template"],
  "/replicationcontrollers": ["spec", "template"],
  "apps/daemonsets": ["spec", "template"],
  "apps/deployments": ["spec", "template"],
  "apps/replicasets": ["spec", "template"],
  "apps/statefulsets": ["spec", "template"],
  "batch/cronjobs": ["spec", "jobTemplate", "spec", "template"],
  "batch/jobs": ["spec", "template"],
};
const POD_SUBRESOURCES = new Set(["", "ephemeralcontainers", "resize"]);
/** Pods of a namespace that are looked at when it gets stricter. */
const MAX_PODS = 3000;

/**
 * The Pod Security Standards (KEP-2579): a namespace's labels say what its pods must not have; templates only warn. The
 * standards have versions, so that a namespace can keep to those that it was made for.
 */
export function podSecurity(
  cache: WatchCache,
  metrics: Metrics,
  settings: PodSecuritySettings = UNCONFIGURED,
): AdmissionPlugin {
  const evaluations = new Evaluations(metrics);
  const labelsOf = (namespace: string): Readonly<Record<string, string>> =>
    cache.get(`/registry/namespaces/${namespace}`)?.object.metadata?.labels ?? {};
  return {
    name: "PodSecurity",
    handles: ({ operation }) => operation === "CREATE" || operation === "UPDATE",
    async validate(attributes) {
      const { resource, subresource, namespace, object } = attributes;
      const name = `${resource.group}/${resource.resource}`;
      if (name === "/namespaces" && subresource === "") return checkNamespace(cache, attributes, settings);
      const isPod = name === "/pods" && POD_SUBRESOURCES.has(subresource);
      const template = subresource === "" ? TEMPLATES[name] : undefined;
      if (object === undefined || !(isPod || template !== undefined)) return undefined;
      const pod = (isPod ? object : memberAt(object, template!)) as PodLike;
      const asker = exemptAsker(settings, attributes);
      if (asker === undefined && isPod && !isSignificant(attributes)) return undefined;
      const exemption = asker ?? (isOfExemptClass(settings.exemptions, pod) ? "runtimeClass" : undefined);
      if (exemption !== undefined) {
        evaluations.exempt(attributes);
        return attributes.context.annotate?.("pod-security.kubernetes.io/exempt", exemption);
      }
      const policy = policyOf(labelsOf(namespace), settings.defaults);
      if (isPod) return checkPod(attributes, policy, evaluations);
      audit(attributes, pod, policy.audit, evaluations);
      warn(attributes, pod, policy.warn, evaluations);
      return undefined;
    },
  };
}

const UNCONFIGURED: PodSecuritySettings = {
  defaults: UNRESTRICTED,
  exemptions: { namespaces: [], usernames: [], runtimeClasses: [] },
};

/** Why nothing is asked of whatever pod it is. */
function exemptAsker(
  { exemptions }: PodSecuritySettings,
  { namespace, context }: AdmissionAttributes,
): "namespace" | "user" | undefined {
  if (exemptions.namespaces.includes(namespace)) return "namespace";
  return exemptions.usernames.includes(context.user.name) ? "user" : undefined;
}

function isOfExemptClass({ runtimeClasses }: PodSecuritySettings["exemptions"], { spec }: PodLike): boolean {
  return runtimeClasses.includes(spec?.runtimeClassName ?? "");
}

function memberAt(object: unknown, path: readonly string[]): unknown {
  return path.reduce((at, member) => (at as Readonly<Record<string, unknown>> | undefined)?.[member], object);
}

function violating(standard: Standard, found: readonly Finding[]): string {
  return `PodSecurity "${standardText(standard)}": ${findingsText(found)}`;
}

function audit(attributes: AdmissionAttributes, pod: PodLike, standard: Standard, evaluations: Evaluations): void {
  const found = findings(pod, standard);
  if (found.length === 0) return;
  evaluations.count("deny", "audit", standard, attributes);
  const text = `would violate ${violating(standard, found)}`;
  attributes.context.annotate?.("pod-security.kubernetes.io/audit-violations", text);
}

function warn(attributes: AdmissionAttributes, pod: PodLike, standard: Standard, evaluations: Evaluations): void {
  const found = findings(pod, standard);
  if (found.length === 0) return;
  evaluations.count("deny", "warn", standard, attributes);
  attributes.context.warn(`would violate ${violating(standard, found)}`);
}

/** @throws {ApiError} 403. */
function checkPod(attributes: AdmissionAttributes, policy: Policy, evaluations: Evaluations): void {
  const { resource, name, object, context } = attributes;
  const pod = object as Pod;
  const found = findings(pod, policy.enforce);
  evaluations.count(found.length === 0 ? "allow" : "deny", "enforce", policy.enforce, attributes);
  context.annotate?.("pod-security.kubernetes.io/enforce-policy", standardText(policy.enforce));
  audit(attributes, pod, policy.audit, evaluations);
  if (found.length > 0) {
    throw ApiError.forbidden(resource, name, `violates ${violating(policy.enforce, found)}`);
  }
  warn(attributes, pod, policy.warn, evaluations);
}

/** Updates of a pod matter when they bring in an image or a container. */
function isSignificant({ operation, object, oldObject }: AdmissionAttributes): boolean {
  if (operation !== "UPDATE") return true;
  const imagesOf = (pod: Unstructured | undefined): unknown =>
    containersOf(pod as Pod).map(({ name, image = "" }: Container) => [name, image]);
  return !jsonEqual(imagesOf(object), imagesOf(oldObject));
}

/** @throws {ApiError} 422 for labels that cannot be understood; warns of pods that would no longer get in. */
function checkNamespace(
  cache: WatchCache,
  { name, object, oldObject, context }: AdmissionAttributes,
  { defaults, exemptions }: PodSecuritySettings,
): void {
  const labels = object?.metadata?.labels ?? {};
  const policy = policyOf(labels, defaults);
  const before = oldObject === undefined ? undefined : policyOf(oldObject.metadata?.labels ?? {}, defaults);
  if (policy.errors.length > 0 && !jsonEqual(policy.errors, before?.errors ?? []))
    throw ApiError.invalid({ group: "", kind: "Namespace" }, name, policy.errors);
  if (before !== undefined && !isTightened(policy.enforce, before.enforce)) return;
  if (exemptions.namespaces.includes(name)) {
    const why = `namespace "${name}" is exempt from Pod Security`;
    if (
      MODES.some((mode) => !isSame(policy[mode], defaults[mode])) &&
      MODES.some((mode) => policy[mode].level !== "privileged")
    )
      context.warn(`${why}, and the policy (${labelledText(policy, labels)}) will be ignored`);
    return;
  }
  if (before === undefined) return;
  for (const text of podWarnings(cache, name, policy.enforce, exemptions)) context.warn(text);
}

function isTightened(next: Standard, before: Standard): boolean {
  if (next.level === "privileged") return false;
  return next.version === before.version ? isStricter(next.level, before.level) : true;
}

function podWarnings(
  cache: WatchCache,
  namespace: string,
  enforce: Standard,
  exemptions: PodSecuritySettings["exemptions"],
): readonly string[] {
  const pods = [...cache.head.range(`/registry/pods/${namespace}/`)]
    .map(([, cached]) => cached.object)
    .filter((pod) => !isOfExemptClass(exemptions, pod as PodLike));
  const byReason = new Map<string, string[]>();
  for (const pod of pods.slice(0, MAX_PODS)) {
    const reason = findings(pod as Pod, enforce)
      .map((finding) => finding.reason)
      .join(", ");
    if (reason !== "") byReason.set(reason, [...(byReason.get(reason) ?? []), pod.metadata?.name ?? ""]);
  }
  const warnings =
    pods.length > MAX_PODS
      ? [`new PodSecurity enforce level only checked against the first ${MAX_PODS} of ${pods.length} existing pods`]
      : [];
  if (byReason.size === 0) return warnings;
  const title = `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${standardText(enforce)}"`;
  const each = [...byReason].map(([reason, names]) => `${namesText(names.sort())}: ${reason}`).sort();
  return [...warnings, title, ...each];
}

function namesText([first = "", ...others]: readonly string[]): string {
  if (others.length === 0) return first;
  return `${first} (and ${others.length} other pod${others.length === 1 ? "" : "s"})`;
}
