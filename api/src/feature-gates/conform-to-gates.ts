import type { Unstructured } from "../object.ts";
import type { GroupVersionKind } from "../schema.ts";
import type { FeatureGates } from "./feature-gates.ts";
import { usesField, withoutField } from "./field-path.ts";
import { gatedDefaultsOf } from "./gated-defaults.ts";
import { type GatedFields, gatedFieldsOf } from "./gated-fields.ts";

/**
 * An object about to be written as the feature gates have it: without the fields of those that are off, but for what `old` has of
 * them already, and with the defaults of those that are on. The same object where nothing changes.
 * @param object With its other defaults.
 * @param old What it replaces; undefined: it is new.
 */
export function conformToGates(
  { group, kind }: GroupVersionKind,
  object: Unstructured,
  gates: FeatureGates,
  old: Unstructured | undefined,
): Unstructured {
  const key = `${group}/${kind}`;
  let next = object;
  for (const [gate, complete] of gatedDefaultsOf(key)) if (gates.isOn(gate)) next = complete(next);
  for (const { paths, triggers } of disabledFields(key, gates)) {
    if (!triggers.some((path) => usesField(next, path))) continue;
    if (old !== undefined && paths.some((path) => usesField(old, path))) continue;
    next = paths.reduce(withoutField, next);
  }
  return next;
}

const disabled = new WeakMap<FeatureGates, Map<string, readonly GatedFields[]>>();

/** The fields of a kind whose gates are off. */
function disabledFields(key: string, gates: FeatureGates): readonly GatedFields[] {
  const known = disabled.get(gates) ?? new Map<string, readonly GatedFields[]>();
  disabled.set(gates, known);
  const found = known.get(key) ?? gatedFieldsOf(key).filter(({ gate }) => !gates.isOn(gate));
  known.set(key, found);
  return found;
}
