import { jsonEqual } from "../patch/json-equal.ts";
import type { ListSchema, Schema } from "../schema.ts";

type Struct = Readonly<Record<string, unknown>>;

/**
 * Whether an update leaves a value as it was (KEP-4008): the items of a list that is a map by keys may stand in another order, and an object
 * with members that its schema does not name never counts as unchanged.
 */
export function isUnchanged(value: unknown, old: unknown, schema: Schema): boolean {
  if (old === undefined) return false;
  if (typeof value !== "object" || value === null || typeof old !== "object" || old === null)
    return jsonEqual(value, old);
  if (Array.isArray(value) || Array.isArray(old)) return areUnchanged(value, old, schema);
  const names = Object.keys(value);
  return (
    names.length === Object.keys(old).length &&
    names.every((name) => {
      const below = memberSchema(schema, name);
      return below !== undefined && isUnchanged((value as Struct)[name], memberOf(old, name), below);
    })
  );
}

function areUnchanged(items: unknown, old: unknown, schema: Schema): boolean {
  if (schema.kind !== "list" || schema.listType !== "map" || !Array.isArray(items)) return jsonEqual(items, old);
  if (!Array.isArray(old) || items.length !== old.length) return false;
  return items.every((item) => isUnchanged(item, counterpartOf(item, old, schema), schema.items));
}

function memberSchema(schema: Schema, name: string): Schema | undefined {
  if (schema.kind === "map") return schema.values;
  if (schema.kind === "object") return schema.fields.get(name)?.schema;
  return schema.kind === "scalar" && schema.ifObject !== undefined ? memberSchema(schema.ifObject, name) : undefined;
}

/** A member of an object that was there before; undefined where there is none. */
export function memberOf(value: unknown, name: string): unknown {
  return isStruct(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The item of the list before that has the keys of this one; of lists without keys, none. */
export function counterpartOf(item: unknown, old: unknown, schema: ListSchema): unknown {
  if (schema.listType !== "map" || !Array.isArray(old)) return undefined;
  const keys = keyOf(item, schema);
  return old.find((each) => jsonEqual(keyOf(each, schema), keys));
}

/** What tells an item from others. */
export function keyOf(item: unknown, { mapKeys }: ListSchema): Struct {
  return Object.fromEntries(
    mapKeys.flatMap((name) => {
      const key = memberOf(item, name);
      return key === undefined ? [] : [[name, key]];
    }),
  );
}

/** Whether a value is a JSON object. */
export function isStruct(value: unknown): value is Struct {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
