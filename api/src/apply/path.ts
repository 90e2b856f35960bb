import { decodeUnstructured } from "../codec/json-decode.ts";
import { encodeUnstructuredText } from "../codec/json-encode.ts";
import type { Json } from "../object.ts";
import { isRecord } from "../patch/merge-patch.ts";
import type { ListSchema } from "../schema.ts";
import type { JsonRecord } from "./shape.ts";

/**
 * One step of a path in its FieldsV1 form, which also is its identity: "f:<field>", `k:{"name":"x"}` (list element by keys,
 * sorted), `v:<json>` (element of a set), "i:<index>".
 */
export type PathElement = string;

/** The element of an object's member. */
export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** The element of a set's value. */
function valueElement(value: Json): PathElement {
  return `v:${scalarText(value)}`;
}

export function isPathElement(text: string): boolean {
  return text[1] === ":" && "fkvi".includes(text[0]!);
}

/**
 * The element as it is written here: keys in order, numbers in one form.
 * @returns undefined if what it names is not what its sort needs: keys an object, a value JSON, an index a number of 64 bits.
 */
export function canonicalElement(element: PathElement): PathElement | undefined {
  const text = element.slice(2);
  if (element.startsWith("f:")) return element;
  if (element.startsWith("i:")) return indexElement(text);
  try {
    const { object } = decodeUnstructured<Json>(new TextEncoder().encode(text));
    if (element.startsWith("v:")) return valueElement(object);
    return isRecord(object) || object === null ? `k:${encodeUnstructuredText(object ?? {})}` : undefined;
  } catch {
    return undefined;
  }
}

function indexElement(text: string): PathElement | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const index = BigInt(text);
  return BigInt.asIntN(64, index) === index ? `i:${index}` : undefined;
}

/** The member that an "f:" element names; undefined for elements of lists. */
export function fieldNameOf(element: PathElement): string | undefined {
  return element.startsWith("f:") ? element.slice(2) : undefined;
}

/**
 * The element of `item` in a list of type "map" or "set". Absent keys take their schema default (a port's protocol), or are no
 * part of it: an element that has them is another one.
 * @returns undefined if the item has none of the keys, or is no object where one must be.
 */
export function listElement(schema: ListSchema, item: Json): PathElement | undefined {
  if (schema.listType === "set") return typeof item === "object" ? undefined : valueElement(item);
  if (!isRecord(item)) return undefined;
  const parts: string[] = [];
  for (const { key, text } of keysOf(schema)) {
    const value = Object.hasOwn(item, key) ? item[key] : keyDefault(schema, key);
    if (value !== undefined) parts.push(`${text}:${scalarText(value)}`);
  }
  return parts.length === 0 ? undefined : `k:{${parts.join(",")}}`;
}

interface Key {
  readonly key: string;
  /** Its JSON. */
  readonly text: string;
}

const keys = new WeakMap<ListSchema, readonly Key[]>();

/** The keys of a list in the order in which they stand in paths. */
function keysOf(schema: ListSchema): readonly Key[] {
  let known = keys.get(schema);
  if (known === undefined) {
    known = schema.mapKeys.toSorted().map((key) => ({ key, text: scalarText(key) }));
    keys.set(schema, known);
  }
  return known;
}

function keyDefault(schema: ListSchema, key: string): Json | undefined {
  const items = schema.items;
  return items.kind === "object" ? (items.fields.get(key)?.schema.default as Json | undefined) : undefined;
}

/** The JSON text of a key or of a set's value: nearly always a scalar. */
function scalarText(value: Json): string {
  return encodeUnstructuredText(value);
}

/** A path as conflicts name it: `.spec.ports[port=80,protocol="TCP"].name`. */
export function pathText(path: readonly PathElement[]): string {
  return path.map(elementText).join("");
}

export function elementText(element: PathElement): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("v:")) return `[=${rest}]`;
  if (element.startsWith("i:")) return `[${rest}]`;
  return `[${keysText(rest)}]`;
}

function keysText(json: string): string {
  try {
    const { object: keys } = decodeUnstructured<JsonRecord>(new TextEncoder().encode(json));
    return Object.entries(keys)
      .map(([key, value]) => `${key}=${scalarText(value)}`)
      .join(",");
  } catch {
    return json; // stored by someone else in a form that is no JSON
  }
}
