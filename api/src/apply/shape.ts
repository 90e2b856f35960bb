import type { Json } from "../object.ts";
import { isRecord } from "../patch/merge-patch.ts";
import type { Field, ListSchema, MapSchema, ObjectSchema, Schema } from "../schema.ts";
import { schemaOfType } from "../schema-of.ts";

/** A JSON object. */
export type JsonRecord = { readonly [key: string]: Json };

/**
 * How server-side apply sees a node. A leaf is owned as a whole (scalars, atomic lists and maps, untyped raw values); a map
 * or struct by member; a list by element.
 */
export type Shape =
  | { readonly kind: "leaf" }
  | { readonly kind: "map"; readonly schema: ObjectSchema | MapSchema | undefined }
  | { readonly kind: "list"; readonly schema: ListSchema };

const LEAF: Shape = { kind: "leaf" };
const DEDUCED_MAP: Shape = { kind: "map", schema: undefined };

/**
 * The shape of a node whose value is `value`. Without schema (custom resources that preserve unknown fields) it is deduced:
 * objects are granular, lists atomic.
 */
export function shapeOf(schema: Schema | undefined, value: Json | undefined): Shape {
  if (schema === undefined || (schema.kind === "scalar" && schema.scalar === "any")) {
    return isRecord(value) ? DEDUCED_MAP : LEAF;
  }
  switch (schema.kind) {
    case "scalar":
      return LEAF;
    case "list":
      return schema.listType === "atomic" ? LEAF : { kind: "list", schema };
    default:
      return schema.mapType === "atomic" ? LEAF : { kind: "map", schema };
  }
}

/** What is known about a member: its schema, and whether the type names it (a struct's field, not a map's key). */
export interface MemberShape {
  readonly schema: Schema | undefined;
  readonly declared: boolean;
}

const META_MEMBERS: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/** @returns undefined if the type has no such member and keeps no unknown ones. */
export function memberShape(schema: ObjectSchema | MapSchema | undefined, name: string): MemberShape | undefined {
  if (schema === undefined) return { schema: undefined, declared: false };
  if (schema.kind === "map") return { schema: schema.values, declared: false };
  const field = schema.fields.get(name);
  if (isMetaMember(schema, name, field)) return { schema: metaSchema(name), declared: true };
  if (field !== undefined) return { schema: field.schema, declared: true };
  return schema.preserveUnknown ? { schema: undefined, declared: false } : undefined;
}

/** Custom resources have apiVersion, kind and metadata whether or not their schema names them. */
function isMetaMember(schema: ObjectSchema, name: string, field: Field | undefined): boolean {
  if (!META_MEMBERS.has(name)) return false;
  return schema.embeddedResource || (schema.typeName === "" && (field === undefined || name === "metadata"));
}

function metaSchema(name: string): Schema {
  return name === "metadata" ? schemaOfType("meta/v1.ObjectMeta") : { kind: "scalar", scalar: "string" };
}

/**
 * The value that a typed object has in an absent field: Go structs print `{}`, fields without omitempty print their zero.
 * @returns undefined where absence is absence.
 */
export function zeroMember(field: Field): Json | undefined {
  const { schema, omit, pointer } = field;
  if (schema.kind === "object") {
    const always = omit === "never" || omit === "empty";
    if (pointer) return omit === "never" && schema.mapType !== "atomic" ? null : undefined;
    return always ? {} : undefined;
  }
  if (schema.kind === "scalar" && !pointer && TIMES.has(schema.scalar) && omit === "empty") return null;
  if (omit !== "never") return undefined;
  if (pointer || schema.kind !== "scalar") return null;
  return schema.scalar === "bytes" || TIMES.has(schema.scalar) ? null : ZERO_SCALARS[schema.scalar];
}

/** Structs in Go: omitempty leaves them in, and their zero is null. */
const TIMES: ReadonlySet<string> = new Set(["time", "microTime"]);

const ZERO_SCALARS: Readonly<Record<string, Json>> = { string: "", int32: 0, int64: 0, double: 0, bool: false };
