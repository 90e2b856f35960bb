import { DecodeError } from "../codec/decode-error.ts";
import { normalize } from "../codec/json-decode.ts";
import { encodeUnstructuredText } from "../codec/json-encode.ts";
import { setMember } from "../codec/plan.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import type { ObjectSchema, Schema } from "../schema.ts";

type Struct = Readonly<Record<string, unknown>>;

/** What pruning leaves, and the paths of what it dropped. */
export interface Pruned<T> {
  readonly object: T;
  /** Such as "spec.l[0].x", sorted. */
  readonly unknown: readonly string[];
  /** Those in the metadata of embedded objects. */
  readonly unknownMetadata: readonly string[];
  /** What cannot be read of an embedded object's type or metadata, such as "spec.o.kind: Invalid value: 1: must be a string". */
  readonly unreadable?: string;
}

/** Paths of what was dropped. */
interface Dropped {
  readonly own: string[];
  readonly metadata: string[];
  readonly unreadable: string[];
  /** Whether what cannot be read is dropped, too. */
  readonly isLenient: boolean;
}

/**
 * Drops the fields that `schema` does not name, but for those below preserve-unknown-fields. Values of a wrong type stay: the
 * validation reports them. Parts without unknown fields are shared with the object given.
 */
export function prune<T>(object: T, schema: Schema): Pruned<T> {
  return pruned(object, schema, false);
}

/** The same of what lies in the store: what cannot be read of types and metadata is dropped, whoever wrote it. */
export function pruneStored<T>(object: T, schema: Schema): T {
  return pruned(object, schema, true).object;
}

function pruned<T>(object: T, schema: Schema, isLenient: boolean): Pruned<T> {
  const dropped: Dropped = { own: [], metadata: [], unreadable: [], isLenient };
  const value = pruneValue(object, schema, "", dropped) as T;
  const [unreadable] = dropped.unreadable;
  const unknown = dropped.own.sort();
  return {
    object: value,
    unknown,
    unknownMetadata: dropped.metadata,
    ...(unreadable !== undefined && { unreadable }),
  };
}

function pruneValue(value: unknown, schema: Schema, path: string, dropped: Dropped): unknown {
  if (value === null && schema.kind === "object" && schema.typeName !== "") return {};
  if (value === null || typeof value !== "object") {
    if (schema.kind === "object" && schema.typeName !== "") return metadataOf(value, schema, path, dropped);
    return value;
  }
  switch (schema.kind) {
    case "object":
      if (Array.isArray(value)) return value;
      if (schema.typeName !== "") return metadataOf(value, schema, path, dropped);
      if (schema.embeddedResource && path !== "" && !dropped.isLenient) checkType(value as Struct, path, dropped);
      return pruneMembers(value as Struct, path, dropped, (name) => {
        if (dropped.isLenient && schema.embeddedResource && isMistyped(name, (value as Struct)[name])) return undefined;
        const field = schema.fields.get(name);
        return field === undefined ? (schema.preserveUnknown ? KEEP : undefined) : field.schema;
      });
    case "map":
      return Array.isArray(value) ? value : pruneMembers(value as Struct, path, dropped, () => schema.values);
    case "list":
      if (Array.isArray(value)) return pruneItems(value, schema.items, path, dropped);
      return pruneMembers(value as Struct, path, dropped, () => undefined);
    case "scalar":
      if (schema.ifObject !== undefined) return pruneValue(value, schema.ifObject, path, dropped);
      if (schema.scalar === "any" || Array.isArray(value)) return value;
      return pruneMembers(value as Struct, path, dropped, () => undefined);
  }
}

function isMistyped(name: string, value: unknown): boolean {
  return (name === "apiVersion" || name === "kind") && typeof value !== "string";
}

function checkType(value: Struct, path: string, dropped: Dropped): void {
  for (const name of ["apiVersion", "kind"]) {
    const found = value[name];
    if (found === undefined || typeof found === "string") continue;
    dropped.unreadable.push(`${path}.${name}: Invalid value: ${encodeUnstructuredText(found)}: must be a string`);
  }
}

/** Of an embedded object, in the form of its type. */
function metadataOf(value: unknown, schema: ObjectSchema, path: string, dropped: Dropped): unknown {
  try {
    const { object, problems } = normalize<object>(value, schema);
    for (const problem of problems) {
      const [, name] = UNKNOWN.exec(problem) ?? [];
      if (name !== undefined) dropped.metadata.push(`${path}.${name}`);
    }
    return jsonEqual(object, value) ? value : object;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (dropped.isLenient) return wellFormed(value, schema);
    const shown = encodeUnstructuredText(value);
    dropped.unreadable.push(`${path}: Invalid value: ${shown}: ${error.message}`);
    return value;
  }
}

/** The members of metadata that can be read, each by itself. */
function wellFormed(value: unknown, schema: ObjectSchema): object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  const members = Object.entries(value).flatMap(([name, member]) => {
    try {
      return Object.entries(normalize<object>({ [name]: member }, schema).object);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return [];
    }
  });
  return Object.fromEntries(members);
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
