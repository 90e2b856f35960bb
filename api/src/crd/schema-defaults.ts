import { setMember } from "../codec/plan.ts";
import type { Schema } from "../schema.ts";
import { prune } from "./prune.ts";

type Struct = Readonly<Record<string, unknown>>;

/**
 * Fills in the defaults of a schema. A null where null is not allowed counts as absent: it is replaced by the default.
 * Unchanged parts are shared with the value given.
 * @param nulls Without a default are dropped, as when what is written or stored is read, or kept.
 */
export function applySchemaDefaults<T>(value: T, schema: Schema, nulls: Nulls = "drop"): T {
  return walk(value, schema, nulls) as T;
}

/** What becomes of nulls where null is not allowed. */
export type Nulls = "drop" | "keep";

function walk(value: unknown, schema: Schema, nulls: Nulls): unknown {
  if (value === null || typeof value !== "object") return value;
  switch (schema.kind) {
    case "object":
      if (Array.isArray(value)) return value;
      if (schema.typeName !== "")
        return schema.restriction === undefined ? value : walk(value, schema.restriction, nulls);
      return walkObject(value as Struct, (name) => schema.fields.get(name)?.schema, schema.fields.values(), nulls);
    case "map":
      return Array.isArray(value) ? value : walkObject(value as Struct, () => schema.values, [], nulls);
    case "list": {
      if (!Array.isArray(value)) return value;
      const out = value.map((item) =>
        isRefusedNull(item, schema.items) ? (defaultOf(schema.items) ?? null) : walk(item, schema.items, nulls),
      );
      return out.some((item, index) => item !== value[index]) ? out : value;
    }
    case "scalar":
      return schema.ifObject === undefined ? value : walk(value, schema.ifObject, nulls);
  }
}

function walkObject(
  value: Struct,
  schemaOf: (name: string) => Schema | undefined,
  fields: Iterable<{ readonly name: string; readonly schema: Schema }>,
  nulls: Nulls,
): unknown {
  const out: Record<string, unknown> = {};
  let changed = false;
  for (const name of Object.keys(value)) {
    const schema = schemaOf(name);
    const member = value[name];
    if (schema !== undefined && isRefusedNull(member, schema) && (schema.default !== undefined || nulls === "drop")) {
      changed = true;
      if (schema.default !== undefined) setMember(out, name, walk(defaultOf(schema), schema, nulls));
      continue;
    }
    const next = schema === undefined ? member : walk(member, schema, nulls);
    changed ||= next !== member;
    setMember(out, name, next);
  }
  for (const { name, schema } of fields) {
    if (schema.default === undefined || Object.hasOwn(out, name)) continue;
    setMember(out, name, walk(defaultOf(schema), schema, nulls));
    changed = true;
  }
  return changed ? out : value;
}

function isRefusedNull(value: unknown, schema: Schema): boolean {
  return value === null && schema.nullable !== true;
}

/** A deep copy, as defaults must never be shared with an object; in metadata they may name what is not there. */
function defaultOf(schema: Schema): unknown {
  const value = schema.default;
  return typeof value === "object" && value !== null ? prune(structuredClone(value), schema).object : value;
}
