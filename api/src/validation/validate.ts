import { FeatureGates } from "../feature-gates/feature-gates.ts";
import type { Unstructured } from "../object.ts";
import { resourceOfKind } from "../resources/index.ts";
import type { GroupVersionKind } from "../schema.ts";
import { type FieldError, fieldErrorMessage, tellable } from "../status/field-error.ts";
import { run } from "./check.ts";
import { underGates } from "./gates-in-force.ts";
import type { KindRules } from "./kind-rules.ts";
import { dnsSubdomain } from "./names.ts";
import { prefixErrors, validateMeta, validateMetaUpdate } from "./object-meta.ts";
import { rulesOf } from "./rules.ts";

/**
 * Checks an object about to be created, after defaulting and strategy (so names are generated and status is cleared).
 * Kinds without rules of their own get the checks of metadata only.
 * @param gates What some values need; the fields of those that are off are gone already (`conformToGates`).
 * @returns All refused fields in upstream's order; empty means valid.
 */
export function validateCreate(
  kind: GroupVersionKind,
  object: Unstructured,
  gates = FeatureGates.defaults,
): readonly FieldError[] {
  const rules = rulesOf(kind);
  const meta = rules.hasMeta === false ? [] : validateMeta(object, rules.name);
  return underGates(gates, undefined, () => {
    const created = rules.create === undefined ? [] : run(rules.create, object);
    return inOrder(rules, [...meta, ...stateErrors(rules, object), ...created], declaredErrors(rules, object));
  });
}

/**
 * Checks an update of `old` to `next` through the main endpoint (`subresource` "") or a subresource such as "status".
 * @returns All refused fields in upstream's order; empty means valid.
 */
export function validateUpdate(
  kind: GroupVersionKind,
  next: Unstructured,
  old: Unstructured,
  subresource: string,
  gates = FeatureGates.defaults,
): readonly FieldError[] {
  return underGates(gates, old, () => updateErrors(kind, next, old, subresource));
}

function updateErrors(
  kind: GroupVersionKind,
  next: Unstructured,
  old: Unstructured,
  subresource: string,
): readonly FieldError[] {
  const rules = rulesOf(kind);
  const meta = validateMetaUpdate(next, old);
  if (subresource !== "") {
    const own = subresource === "status" ? resourceOfKind(kind)?.statusRules : undefined;
    const check = own ?? rules.subresources?.[subresource];
    return inOrder(rules, [...meta, ...(check?.(next, old, { kind }) ?? [])], []);
  }
  const state = [
    ...prefix(kind, next, rules),
    ...(rules.updateState?.(next, old, { kind }) ?? stateErrors(rules, next)),
  ];
  const update = rules.update?.(next, old, { kind }) ?? [];
  const own = rules.updateFirst === true ? [...update, ...state] : [...state, ...update];
  const declared = [...(rules.declaredUpdate?.(next, old, { kind }) ?? []), ...declaredErrors(rules, next)];
  return inOrder(rules, [...meta, ...own], declared);
}

/** Of kinds whose updates are checked as creations are, by "<group>/<Kind>": what their generateName has to begin is a name. */
const PREFIXED: ReadonlySet<string> = new Set(
  Object.entries({
    "": "ConfigMap Endpoints LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod Secret ServiceAccount",
    "admissionregistration.k8s.io":
      "MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration",
    apps: "ControllerRevision",
    "certificates.k8s.io": "ClusterTrustBundle",
    "discovery.k8s.io": "EndpointSlice",
    "flowcontrol.apiserver.k8s.io": "FlowSchema PriorityLevelConfiguration",
    "networking.k8s.io": "Ingress IngressClass IPAddress",
    "node.k8s.io": "RuntimeClass",
    "resource.k8s.io": "ResourceClaim ResourceClaimTemplate",
    "storage.k8s.io": "CSINode CSIStorageCapacity StorageClass VolumeAttachment VolumeAttributesClass",
    "storagemigration.k8s.io": "StorageVersionMigration",
  }).flatMap(([group, kinds]) => kinds.split(" ").map((kind) => `${group}/${kind}`)),
);

function prefix({ group, kind }: GroupVersionKind, object: Unstructured, rules: KindRules): readonly FieldError[] {
  const { generateName = "" } = object.metadata ?? {};
  return PREFIXED.has(`${group}/${kind}`) ? prefixErrors(generateName, rules.name ?? dnsSubdomain) : [];
}

function stateErrors(rules: KindRules, object: Unstructured): readonly FieldError[] {
  return rules.state === undefined ? [] : run(rules.state, object);
}

function declaredErrors(rules: KindRules, object: Unstructured): readonly FieldError[] {
  return rules.declared === undefined ? [] : run(rules.declared, object);
}

/** Upstream says each thing once, and last what its types declare of themselves. */
function inOrder(
  { hasDeclarations = true }: KindRules,
  errors: readonly FieldError[],
  declared: readonly FieldError[],
): readonly FieldError[] {
  if (!hasDeclarations) return errors;
  const seen = new Set<string>();
  const once = tellable(errors).filter((error) => {
    const message = fieldErrorMessage(error);
    const isNew = !seen.has(message);
    seen.add(message);
    return isNew;
  });
  return [...once, ...declared];
}
