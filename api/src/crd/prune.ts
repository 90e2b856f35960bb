import { setMember } from "../codec/plan.ts";
import type { Schema } from "../schema.ts";

type Struct = Readonly<Record<string, unknown>>;

/** What pruning leaves, and the paths of what it dropped. */
export interface Pruned<T> {
  readonly object: T;
  /** Such as "spec.l[0].x", sorted. */
  readonly unknown: readonly string[];
}

/**
 * Drops the fields that `schema` does not name, but for those below preserve-unknown-fields. Values of a wrong type stay: the
 * validation reports them. Parts without unknown fields are shared with the object given.
 */
export function prune<T>(object: T, schema: Schema): Pruned<T> {
  const unknown: string[] = [];
  const pruned = pruneValue(object, schema, "", unknown) as T;
  return { object: pruned, unknown: unknown.sort() };
}

function pruneValue(value: unknown, schema: Schema, path: string, unknown: string[]): unknown {
  if (value === null || typeof value !== "object") return value;
  switch (schema.kind) {
    case "object":
      if (Array.isArray(value)) return value;
      // Metadata is decoded by its own type, which reports what it does not know.
      if (schema.typeName !== "") return value;
      return pruneMembers(value as Struct, path, unknown, (name) => {
        const field = schema.fields.get(name);
        return field === undefined ? (schema.preserveUnknown ? KEEP : undefined) : field.schema;
      });
    case "map":
      return Array.isArray(value) ? value : pruneMembers(value as Struct, path, unknown, () => schema.values);
    case "list":
      return Array.isArray(value) ? pruneItems(value, schema.items, path, unknown) : value;
    case "scalar":
      return value;
  }
}

const KEEP: Schema = { kind: "scalar", scalar: "any" };

function pruneMembers(
  value: Struct,
  path: string,
  unknown: string[],
  schemaOf: (name: string) => Schema | undefined,
): unknown {
  const out: Record<string, unknown> = {};
  let changed = false;
  for (const name of Object.keys(value)) {
    const below = path === "" ? name : `${path}.${name}`;
    const schema = schemaOf(name);
    if (schema === undefined) {
      unknown.push(below);
      changed = true;
      continue;
    }
    const pruned = pruneValue(value[name], schema, below, unknown);
    changed ||= pruned !== value[name];
    setMember(out, name, pruned);
  }
  return changed ? out : value;
}

function pruneItems(items: readonly unknown[], schema: Schema, path: string, unknown: string[]): unknown {
  const out = items.map((item, index) => pruneValue(item, schema, `${path}[${index}]`, unknown));
  return out.some((item, index) => item !== items[index]) ? out : items;
}
