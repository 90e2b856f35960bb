import { type FieldError, fieldError } from "../../status/field-error.ts";
import { type Check, child, element, entriesOf, isUnset, listOf, member } from "../check.ts";

const TYPES = ["array", "boolean", "integer", "number", "object", "string"] as const;

/** The schema of a custom resource: structural, and an object at the root. */
export const structuralSchema: Check = (schema, at, errors) => {
  const type = member(schema, "type");
  if (isUnset(type)) {
    node(schema, at, errors, true);
    errors.push(fieldError.required(child(at, "type"), "must not be empty at the root"));
    return;
  }
  if (type !== "object") errors.push(fieldError.invalid(child(at, "type"), type, "must be object at the root"));
  node(schema, at, errors, true);
};

function node(schema: unknown, at: string, errors: FieldError[], isRoot: boolean): void {
  const type = member(schema, "type");
  const free =
    member(schema, "x-kubernetes-int-or-string") === true ||
    member(schema, "x-kubernetes-preserve-unknown-fields") === true;
  if (isUnset(type)) {
    const what = at.endsWith("items")
      ? "must not be empty for specified array items"
      : "must not be empty for specified object fields";
    if (!isRoot && !free) errors.push(fieldError.required(child(at, "type"), what));
  } else if (!TYPES.includes(type as never)) errors.push(fieldError.notSupported(child(at, "type"), type, TYPES));
  defaultValue(schema, at, errors);
  listMapKeys(schema, at, errors);
  for (const [name, property] of entriesOf(member(schema, "properties")))
    node(property, element(child(at, "properties"), name), errors, false);
  const [items, additional] = [member(schema, "items"), member(schema, "additionalProperties")];
  if (type === "array" && items === undefined)
    errors.push(fieldError.required(child(at, "items"), "must be specified"));
  if (items !== undefined) node(items, child(at, "items"), errors, false);
  if (typeof additional === "object") node(additional, child(at, "additionalProperties"), errors, false);
}

/** A default must be of the type it is a default for. */
function defaultValue(schema: unknown, at: string, errors: FieldError[]): void {
  const [type, value] = [member(schema, "type"), member(schema, "default")];
  if (value === undefined || isUnset(type) || member(schema, "x-kubernetes-int-or-string") === true) return;
  const actual = jsonType(value);
  const fits = actual === type || (type === "number" && actual === "integer");
  if (!fits)
    errors.push(
      fieldError.typeInvalid(child(at, "default"), actual, ` in body must be of type ${String(type)}: "${actual}"`),
    );
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "bigint") return "integer";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

function listMapKeys(schema: unknown, at: string, errors: FieldError[]): void {
  if (member(schema, "x-kubernetes-list-type") !== "map") return;
  const keys = listOf(member(schema, "x-kubernetes-list-map-keys"));
  if (keys.length === 0)
    errors.push(
      fieldError.required(
        child(at, "x-kubernetes-list-map-keys"),
        "must not be empty if x-kubernetes-list-type is map",
      ),
    );
  const properties = member(member(schema, "items"), "properties");
  keys.forEach((key, index) => {
    if (member(properties, String(key)) === undefined) {
      errors.push(
        fieldError.invalid(
          element(child(at, "x-kubernetes-list-map-keys"), index),
          key,
          "entries must all be names of item properties",
        ),
      );
    }
  });
}
