import { compareQuantities, formatQuantity, parseQuantity, quantityNumber } from "../../quantity.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, entriesOf, listOf, member, valueAt } from "../check.ts";
import type { KindRules } from "../kind-rules.ts";
import { containerResourceName, isExtendedResource, isHugePages, resourceName } from "./resources.ts";

type Errors = Parameters<Check>[2];

const TYPES = ["Container", "PersistentVolumeClaim", "Pod"];
const MAPS = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] as const;

function typeName(value: unknown, at: string, errors: Errors): void {
  const type = String(value ?? "");
  const problems = labelKeyProblems(type);
  for (const problem of problems) errors.push(fieldError.invalid(at, type, problem));
  if (problems.length === 0 && !type.includes("/") && !TYPES.includes(type))
    errors.push(fieldError.invalid(at, type, "must be a standard limit type or fully qualified"));
}

/** Limits of one type; what their names are is said before how their amounts fit. */
function limit(value: unknown, at: string, errors: Errors): void {
  const type = member(value, "type");
  const nameCheck = type === "Pod" || type === "Container" ? containerResourceName : resourceName;
  const names = new Set<string>();
  for (const map of MAPS) {
    if (map === "maxLimitRequestRatio" && type === "PersistentVolumeClaim") storageIsLimited(value, at, errors);
    const entries = entriesOf(member(value, map));
    if (type === "Pod" && map.startsWith("default")) {
      if (entries.length > 0)
        errors.push(fieldError.forbidden(child(at, map), "may not be specified when `type` is 'Pod'"));
      continue;
    }
    for (const [name] of entries) {
      nameCheck(name, element(child(at, map), name), errors);
      names.add(name);
    }
  }
  for (const name of names) amounts(value, name, at, errors);
}

function storageIsLimited(value: unknown, at: string, errors: Errors): void {
  if (valueAt(value, "min.storage") !== undefined || valueAt(value, "max.storage") !== undefined) return;
  const why = "either minimum or maximum storage value is required, but neither was provided";
  errors.push(fieldError.required(child(at, "limits"), why));
}

/** Two maps whose amounts have an order: the first not above the second. */
const ORDERS = [
  { low: "min", high: "max", at: "min", shown: "min", why: ["min value", "max value"] },
  {
    low: "min",
    high: "defaultRequest",
    at: "defaultRequest",
    shown: "defaultRequest",
    why: ["min value", "default request value"],
  },
  {
    low: "defaultRequest",
    high: "max",
    at: "defaultRequest",
    shown: "defaultRequest",
    why: ["default request value", "max value"],
  },
  {
    low: "defaultRequest",
    high: "default",
    at: "defaultRequest",
    shown: "defaultRequest",
    why: ["default request value", "default limit value"],
  },
  { low: "min", high: "default", at: "default", shown: "min", why: ["min value", "default value"] },
  { low: "default", high: "max", at: "default", shown: "max", why: ["default value", "max value"] },
] as const;

function amounts(value: unknown, name: string, at: string, errors: Errors): void {
  const isPod = member(value, "type") === "Pod";
  const amountIn = (map: string): unknown =>
    isPod && map.startsWith("default") ? undefined : member(member(value, map), name);
  for (const { low, high, at: map, shown, why } of ORDERS) {
    const [least, most] = [amountIn(low), amountIn(high)];
    if (least === undefined || most === undefined || compare(least, most) <= 0) continue;
    const message = `${why[0]} ${canonical(least)} is greater than ${why[1]} ${canonical(most)}`;
    errors.push(fieldError.invalid(element(child(at, map), name), amountIn(shown), message));
  }
  ratio(amountIn, name, at, errors);
  const [usual, asked] = [amountIn("default"), amountIn("defaultRequest")];
  const isExact = isExtendedResource(name) || isHugePages(name);
  if (isExact && usual !== undefined && asked !== undefined && compare(usual, asked) !== 0) {
    const why = `default value ${canonical(usual)} must equal to defaultRequest value ${canonical(asked)} in ${name}`;
    errors.push(fieldError.invalid(element(child(at, "defaultRequest"), name), asked, why));
  }
}

/** How much more a limit may be than a request. */
function ratio(amountIn: (map: string) => unknown, name: string, at: string, errors: Errors): void {
  const most = amountIn("maxLimitRequestRatio");
  if (most === undefined) return;
  const here = element(child(at, "maxLimitRequestRatio"), name);
  if (compare(most, "1") < 0) errors.push(fieldError.invalid(here, most, `ratio ${canonical(most)} is less than 1`));
  const [min, max] = [amountIn("min"), amountIn("max")];
  if (min === undefined || max === undefined) return;
  const possible = quantityNumber(String(max)) / quantityNumber(String(min));
  if (quantityNumber(String(most)) > possible) {
    const why = `ratio ${canonical(most)} is greater than max/min = ${possible.toFixed(6)}`;
    errors.push(fieldError.invalid(here, most, why));
  }
}

function compare(a: unknown, b: unknown): number {
  return compareQuantities(parseQuantity(String(a)), parseQuantity(String(b)));
}

function canonical(amount: unknown): string {
  return formatQuantity(parseQuantity(String(amount)));
}

const state: Check = (object, _at, errors) => {
  const types = new Set<unknown>();
  listOf(valueAt(object, "spec.limits")).forEach((one, index) => {
    const here = `spec.limits[${index}]`;
    const type = member(one, "type") ?? "";
    typeName(type, child(here, "type"), errors);
    if (types.has(type)) errors.push(fieldError.duplicate(child(here, "type"), type));
    types.add(type);
    limit(one, here, errors);
  });
};

export const limitRange: KindRules = { state };
