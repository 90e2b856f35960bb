import { type FieldError, fieldError } from "../../status/field-error.ts";
import { type Check, child, element, entriesOf, listOf, member, run, valueAt } from "../check.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
import { isStandardResource, resourceName, resourceQuantity } from "./resources.ts";

type Errors = Parameters<Check>[2];

const COMPUTE = ["cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"];
/** Which resources a scope can be of. */
const SCOPES: Readonly<Record<string, readonly string[]>> = {
  BestEffort: ["pods"],
  CrossNamespacePodAffinity: ["pods", ...COMPUTE],
  NotBestEffort: ["pods", ...COMPUTE],
  NotTerminating: ["pods", ...COMPUTE],
  PriorityClass: ["pods", ...COMPUTE],
  Terminating: ["pods", ...COMPUTE],
  VolumeAttributesClass: ["persistentvolumeclaims", "requests.storage"],
};
const CONFLICTS = [
  ["BestEffort", "NotBestEffort"],
  ["Terminating", "NotTerminating"],
] as const;
const WITHOUT_VALUES = ["BestEffort", "NotBestEffort", "Terminating", "NotTerminating", "CrossNamespacePodAffinity"];

/** Standard resources but "storage" itself. */
function isQuotaResource(name: string): boolean {
  return name !== "storage" && isStandardResource(name);
}

const amounts: Check = (value, at, errors) => {
  for (const [name, amount] of entriesOf(value)) {
    const here = element(at, name);
    resourceName(name, here, errors);
    if (!name.includes("/") && !isQuotaResource(name))
      errors.push(fieldError.invalid(here, name, "must be a standard resource for quota"));
    resourceQuantity(name)(amount, here, errors);
  }
};

/** The resources with a limit that a scope cannot be of, in order. */
function outOfScope(spec: unknown, scope: string): readonly string[] {
  const names = entriesOf(member(spec, "hard"))
    .map(([name]) => name)
    .sort();
  const allowed = SCOPES[scope];
  return allowed === undefined ? [] : names.filter((name) => isQuotaResource(name) && !allowed.includes(name));
}

function scopes(spec: unknown, at: string, errors: Errors): void {
  const list = listOf(member(spec, "scopes"));
  if (list.length === 0) return;
  for (const scope of list) {
    if (SCOPES[String(scope)] === undefined) errors.push(fieldError.invalid(at, list, "unsupported scope"));
    for (const _name of outOfScope(spec, String(scope)))
      errors.push(fieldError.invalid(at, list, "unsupported scope applied to resource"));
  }
  conflicts(list, list, at, errors);
}

function conflicts(list: readonly unknown[], shown: unknown, at: string, errors: Errors): void {
  for (const [one, other] of CONFLICTS)
    if (list.includes(one) && list.includes(other)) errors.push(fieldError.invalid(at, shown, "conflicting scopes"));
}

const ONLY_EXISTS =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";

function scopeSelector(spec: unknown, at: string, errors: Errors): void {
  const selector = member(spec, "scopeSelector");
  if (selector === undefined) return;
  const expressions = listOf(member(selector, "matchExpressions"));
  for (const expression of expressions) {
    const scope = String(member(expression, "scopeName") ?? "");
    if (SCOPES[scope] === undefined)
      errors.push(fieldError.invalid(child(at, "scopeName"), scope, "unsupported scope"));
    for (const _name of outOfScope(spec, scope))
      errors.push(fieldError.invalid(at, selector, "unsupported scope applied to resource"));
    operator(expression, scope, at, errors);
  }
  const names = expressions.map((expression) => member(expression, "scopeName"));
  conflicts(names, member(spec, "scopes") ?? null, at, errors);
}

function operator(expression: unknown, scope: string, at: string, errors: Errors): void {
  const [value, values] = [String(member(expression, "operator") ?? ""), listOf(member(expression, "values"))];
  if (WITHOUT_VALUES.includes(scope) && value !== "Exists")
    errors.push(fieldError.invalid(child(at, "operator"), value, ONLY_EXISTS));
  if (value === "In" || value === "NotIn") {
    if (values.length > 0) return;
    const why = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
    errors.push(fieldError.required(child(at, "values"), why));
  } else if (value === "Exists" || value === "DoesNotExist") {
    if (values.length === 0) return;
    const why = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
    errors.push(fieldError.invalid(child(at, "values"), values, why));
  } else errors.push(fieldError.invalid(child(at, "operator"), value, "not a valid selector operator"));
}

const state: Check = (object, _at, errors) => {
  const spec = member(object, "spec");
  amounts(member(spec, "hard"), "spec.hard", errors);
  scopes(spec, "spec.scopes", errors);
  scopeSelector(spec, "spec.matchExpressions", errors); // so upstream names it
};

const scopesStay: UpdateCheck = (next, old) => {
  const at = "spec.scopes";
  const [now, before] = [listOf(valueAt(next, at)), listOf(valueAt(old, at))];
  const isSame = now.every((scope) => before.includes(scope)) && before.every((scope) => now.includes(scope));
  return isSame ? [] : [fieldError.invalid(at, valueAt(next, at) ?? null, "field is immutable")];
};

const status: UpdateCheck = (next) => {
  const errors: FieldError[] = [];
  for (const name of ["hard", "used"]) errors.push(...run(amounts, valueAt(next, `status.${name}`), `status.${name}`));
  return errors;
};

export const resourceQuota: KindRules = { state, update: scopesStay, subresources: { status } };
