import { DecodeError } from "../codec/decode-error.ts";
import { normalize } from "../codec/json-decode.ts";
import { setMember } from "../codec/plan.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import type { ObjectSchema, Schema } from "../schema.ts";

type Struct = Readonly<Record<string, unknown>>;

/** What pruning leaves, and the paths of what it dropped. */
export interface Pruned<T> {
  readonly object: T;
  /** Such as "spec.l[0].x", sorted; after them those in the metadata of embedded objects. */
  readonly unknown: readonly string[];
}

/** Paths of what was dropped. */
interface Dropped {
  readonly own: string[];
  readonly metadata: string[];
}

/**
 * Drops the fields that `schema` does not name, but for those below preserve-unknown-fields. Values of a wrong type stay: the
 * validation reports them. Parts without unknown fields are shared with the object given.
 */
export function prune<T>(object: T, schema: Schema): Pruned<T> {
  const dropped: Dropped = { own: [], metadata: [] };
  const pruned = pruneValue(object, schema, "", dropped) as T;
  return { object: pruned, unknown: [...dropped.own.sort(), ...dropped.metadata] };
}

function pruneValue(value: unknown, schema: Schema, path: string, dropped: Dropped): unknown {
  if (value === null || typeof value !== "object") return value;
  switch (schema.kind) {
    case "object":
      if (Array.isArray(value)) return value;
      if (schema.typeName !== "") return metadataOf(value, schema, path, dropped.metadata);
      return pruneMembers(value as Struct, path, dropped, (name) => {
        const field = schema.fields.get(name);
        return field === undefined ? (schema.preserveUnknown ? KEEP : undefined) : field.schema;
      });
    case "map":
      return Array.isArray(value) ? value : pruneMembers(value as Struct, path, dropped, () => schema.values);
    case "list":
      return Array.isArray(value) ? pruneItems(value, schema.items, path, dropped) : value;
    case "scalar":
      return value;
  }
}

/** Of an embedded object, in the form of its type. What is wrong in it is left to validation. */
function metadataOf(value: object, schema: ObjectSchema, path: string, unknown: string[]): unknown {
  try {
    const { object, problems } = normalize<object>(value, schema);
    for (const problem of problems) {
      const [, name] = UNKNOWN.exec(problem) ?? [];
      if (name !== undefined) unknown.push(`${path}.${name}`);
    }
    return jsonEqual(object, value) ? value : object;
  } catch (error) {
    if (error instanceof DecodeError) return value;
    throw error;
  }
}

const UNKNOWN = /^unknown field "(.*)"$/;

const KEEP: Schema = { kind: "scalar", scalar: "any" };

function pruneMembers(
  value: Struct,
  path: string,
  dropped: Dropped,
  schemaOf: (name: string) => Schema | undefined,
): unknown {
  const out: Record<string, unknown> = {};
  let changed = false;
  for (const name of Object.keys(value)) {
    const below = path === "" ? name : `${path}.${name}`;
    const schema = schemaOf(name);
    if (schema === undefined) {
      dropped.own.push(below);
      changed = true;
      continue;
    }
    const pruned = pruneValue(value[name], schema, below, dropped);
    changed ||= pruned !== value[name];
    setMember(out, name, pruned);
  }
  return changed ? out : value;
}

function pruneItems(items: readonly unknown[], schema: Schema, path: string, dropped: Dropped): unknown {
  const out = items.map((item, index) => pruneValue(item, schema, `${path}[${index}]`, dropped));
  return out.some((item, index) => item !== items[index]) ? out : items;
}
