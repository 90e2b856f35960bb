import { FeatureGates } from "../feature-gates/feature-gates.ts";
import type { Unstructured } from "../object.ts";
import type { GroupVersionKind } from "../schema.ts";
import type { FieldError } from "../status/field-error.ts";
import { run } from "./check.ts";
import { underGates } from "./gates-in-force.ts";
import type { KindRules } from "./kind-rules.ts";
import { validateMeta, validateMetaUpdate } from "./object-meta.ts";
import { rulesOf } from "./rules.ts";
import { STATUSES } from "./statuses/index.ts";

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
    return [...meta, ...stateErrors(rules, object), ...created];
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
    const own = subresource === "status" ? STATUSES[`${kind.group}/${kind.kind}`] : undefined;
    const check = own ?? rules.subresources?.[subresource];
    return [...meta, ...(check?.(next, old, { kind }) ?? [])];
  }
  const state = rules.updateState?.(next, old, { kind }) ?? stateErrors(rules, next);
  return [...meta, ...state, ...(rules.update?.(next, old, { kind }) ?? [])];
}

function stateErrors(rules: KindRules, object: Unstructured): readonly FieldError[] {
  return rules.state === undefined ? [] : run(rules.state, object);
}
