import type { Json } from "../object.ts";
import { isRecord } from "../patch/merge-patch.ts";
import type { Schema } from "../schema.ts";
import type { FieldSet } from "./field-set.ts";
import { listElement } from "./path.ts";
import { memberShape, shapeOf } from "./shape.ts";

/** Outlines that are remembered for each schema, the characters of all of them, and the longest. */
const REMEMBERED = 256;
const CHARACTERS = 128 * 1024;
const LONGEST = 4 * 1024;

interface Known {
  readonly resets: FieldSet;
  readonly set: FieldSet;
}

const known = new WeakMap<Schema, Outlines>();

/**
 * The fields of a new object that are owned, by its outline: most objects are made by a program that made many with the same
 * fields, whose ownership is then found out, written as FieldsV1 and kept in memory once.
 * @param resets What the endpoint resets. @param find Finds the fields of an outline that was not met yet.
 */
export function fieldsOfNew(schema: Schema, object: Json, resets: FieldSet, find: () => FieldSet): FieldSet {
  const outline = outlineOf(schema, object);
  let sets = known.get(schema);
  if (sets === undefined) known.set(schema, (sets = new Outlines()));
  const found = sets.get(outline);
  if (found?.resets === resets) return found.set;
  const set = find();
  if (outline.length <= LONGEST) sets.add(outline, { resets, set });
  return set;
}

/** Those of a schema that were met most recently. */
class Outlines {
  readonly #sets = new Map<string, Known>();
  #characters = 0;

  get(outline: string): Known | undefined {
    const found = this.#sets.get(outline);
    if (found !== undefined && this.#sets.size > 1) {
      this.#sets.delete(outline);
      this.#sets.set(outline, found);
    }
    return found;
  }

  add(outline: string, one: Known): void {
    this.#characters += this.#sets.has(outline) ? 0 : outline.length;
    this.#sets.set(outline, one);
    for (const oldest of this.#sets.keys()) {
      if (this.#sets.size <= REMEMBERED && this.#characters <= CHARACTERS) return;
      this.#sets.delete(oldest);
      this.#characters -= oldest.length;
    }
  }
}

/** What ownership depends on: names of members, keys of elements, and which values are zero, in the order of the object. */
function outlineOf(schema: Schema | undefined, value: Json): string {
  if (typeof value !== "object" || value === null) return value ? "" : `=${value};`;
  const shape = shapeOf(schema, value);
  if (shape.kind === "leaf") return Object.keys(value).length > 0 ? "" : Array.isArray(value) ? "[]" : "{}";
  if (shape.kind === "list") {
    let text = "[";
    for (const item of Array.isArray(value) ? (value as readonly Json[]) : [])
      text += entryText(listElement(shape.schema, item) ?? "", outlineOf(shape.schema.items, item));
    return `${text}]`;
  }
  let text = "{";
  if (isRecord(value)) {
    for (const name of Object.keys(value)) {
      const member = value[name];
      if (member !== undefined) text += entryText(name, outlineOf(memberShape(shape.schema, name)?.schema, member));
    }
  }
  return `${text}}`;
}

/** Begins with its length, because names may have any characters. */
function entryText(name: string, below: string): string {
  return `${name.length}:${name}${below}`;
}
