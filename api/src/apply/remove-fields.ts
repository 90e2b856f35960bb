import type { Json } from "../object.ts";
import { define, isRecord } from "../patch/merge-patch.ts";
import type { ListSchema, MapSchema, ObjectSchema, Schema } from "../schema.ts";
import { FieldSet } from "./field-set.ts";
import { fieldElement, fieldNameOf, listElement, type PathElement } from "./path.ts";
import { type JsonRecord, memberShape, shapeOf } from "./shape.ts";

/**
 * The object without the members of `fields`; undefined: nothing is left. What is emptied within it is null, as upstream: it is there.
 * Shares structure.
 */
export function removeFields(schema: Schema | undefined, object: Json, fields: FieldSet): Json | undefined {
  if (fields.isEmpty) return object;
  const shape = shapeOf(schema, object);
  if (shape.kind === "leaf") return object;
  if (shape.kind === "list") return Array.isArray(object) ? removeItems(shape.schema, object, fields) : object;
  return isRecord(object) ? removeMembers(shape.schema, object, fields) : object;
}

function removeMembers(
  schema: ObjectSchema | MapSchema | undefined,
  object: JsonRecord,
  fields: FieldSet,
): Json | undefined {
  const result: Record<string, Json> = {};
  let removed = false;
  for (const [name, member] of Object.entries(object)) {
    const element = fieldElement(name);
    if (fields.members.has(element)) removed = true;
    else define(result, name, removeFields(memberShape(schema, name)?.schema, member, fields.child(element)) ?? null);
  }
  return removed && Object.keys(result).length === 0 ? undefined : result;
}

function removeItems(schema: ListSchema, list: readonly Json[], fields: FieldSet): Json | undefined {
  const kept: Json[] = [];
  for (const item of list) {
    const element = listElement(schema, item);
    if (element === undefined) kept.push(item);
    else if (!fields.members.has(element)) kept.push(removeFields(schema.items, item, fields.child(element)) ?? null);
  }
  return kept.length === 0 && list.length > 0 ? undefined : kept;
}

/** `fields` plus the structs on the way to its paths (fields that the type names, not keys of maps or list elements). */
export function withNamedParents(schema: Schema | undefined, fields: FieldSet): FieldSet {
  const members = new Set(fields.members);
  const children = new Map<PathElement, FieldSet>();
  for (const [element, below] of fields.children) {
    const name = fieldNameOf(element);
    const member = name === undefined ? undefined : namedMember(schema, name);
    if (member?.declared === true) members.add(element);
    const childSchema = name === undefined ? itemsOf(schema) : member?.schema;
    children.set(element, withNamedParents(childSchema, below));
  }
  return new FieldSet(members, children);
}

function namedMember(schema: Schema | undefined, name: string): ReturnType<typeof memberShape> {
  return schema?.kind === "object" || schema?.kind === "map" ? memberShape(schema, name) : undefined;
}

function itemsOf(schema: Schema | undefined): Schema | undefined {
  return schema?.kind === "list" ? schema.items : undefined;
}
