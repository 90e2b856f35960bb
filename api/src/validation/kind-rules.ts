import type { Unstructured } from "../object.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import type { GroupVersionKind } from "../schema.ts";
import { type FieldError, fieldError } from "../status/field-error.ts";
import { type Check, isUnset, type Problems, valueAt } from "./check.ts";
import { shownSelector } from "./typed-value.ts";

/** What an update check knows besides the objects. */
interface UpdateContext {
  readonly kind: GroupVersionKind;
}

export type UpdateCheck = (next: Unstructured, old: Unstructured, context: UpdateContext) => readonly FieldError[];

/** The rules of one kind beyond its schema. */
export interface KindRules {
  /** The form of names; default: DNS subdomain. */
  readonly name?: Problems;
  /** False for kinds that are never stored and need no name. */
  readonly hasMeta?: boolean;
  /** State checks, on create and update; the path is that of the object, "". */
  readonly state?: Check;
  /** State checks on create only. */
  readonly create?: Check;
  /** Fields that never change after creation, and checks that need both objects; after the state checks. */
  readonly update?: UpdateCheck;
  /** State checks that also know the old object replace `state` on updates. */
  readonly updateState?: UpdateCheck;
  /** On updates `update` comes before the state checks. */
  readonly updateFirst?: boolean;
  /** State checks that upstream's types declare of themselves; they come last. */
  readonly declared?: Check;
  /** The declared checks that need both objects: they come before `declared`. */
  readonly declaredUpdate?: UpdateCheck;
  /** False for kinds whose types declare nothing: errors are said as often as they are found. Default true. */
  readonly hasDeclarations?: boolean;
  /** Updates through subresources, beside metadata. */
  readonly subresources?: Readonly<Record<string, UpdateCheck>>;
}

/** Rules by "<group>/<Kind>", or "<group>/<version>.<Kind>" where versions differ. */
export type RuleTable = Readonly<Record<string, KindRules>>;

/** Refuses changes of the fields at `paths`, each as "field is immutable". */
export function immutable(...paths: readonly string[]): UpdateCheck {
  return (next, old) => paths.filter((path) => changed(next, old, path)).map((path) => immutableError(next, path));
}

/** The same for texts that are left out when they are empty: they are shown as such. */
export function immutableText(path: string): UpdateCheck {
  return (next, old) =>
    changed(next, old, path) ? [fieldError.invalid(path, valueAt(next, path) ?? "", "field is immutable")] : [];
}

export function immutableError(next: Unstructured, path: string): FieldError {
  const value = valueAt(next, path) ?? null;
  return fieldError.invalid(path, path === "spec.selector" ? shownSelector(value) : value, "field is immutable");
}

/** The same as declarative validation says it: it does not show values, nor look into those that changed. */
export function frozen(...paths: readonly string[]): UpdateCheck {
  return (next, old) =>
    paths
      .filter((path) => changed(next, old, path))
      .map((path) => fieldError.invalid(path, null, "field is immutable"));
}

/** True if the field at `path` differs; null equals absent. */
export function changed(next: Unstructured, old: Unstructured, path: string): boolean {
  return !jsonEqual(valueAt(next, path) ?? null, valueAt(old, path) ?? null);
}

/** Whether something was there and is not any more. */
export function lost(next: Unstructured, old: Unstructured, path: string): boolean {
  return isUnset(valueAt(next, path)) && !isUnset(valueAt(old, path));
}

/** Runs several update checks in order. */
export function updates(...checks: readonly UpdateCheck[]): UpdateCheck {
  return (next, old, context) => checks.flatMap((check) => check(next, old, context));
}
