import type { Schema } from "../schema.ts";
import { jsonSchemaPlan, schemasPlan, stringsPlan } from "./json-schema-plans.ts";
import { absentValue, type FieldPlan, isZero, type Plan, planOf } from "./plan.ts";

/** How JSON is laid out. */
export interface EncodeOptions {
  /** Two spaces of indentation, as for curl and ?pretty=true. Default false. */
  readonly pretty?: boolean;
  /** The JSON of members of the object itself that is known already, such as from the bytes of an object that shares them. */
  readonly known?: ReadonlyMap<string, string>;
}

const encoder = new TextEncoder();

/**
 * Encodes as Go does: fields in the schema's order, omit rules, sorted map keys, Go's escapes; no final newline. Fields that
 * the schema does not know are left out.
 */
export function encodeJson(object: unknown, schema: Schema, options: EncodeOptions = {}): Uint8Array {
  return encoder.encode(encodeJsonText(object, schema, options));
}

/** The text of {@link encodeJson}. */
export function encodeJsonText(object: unknown, schema: Schema, options: EncodeOptions = {}): string {
  const plan = planOf(schema);
  const text =
    options.known !== undefined && plan.op === "object"
      ? objectText(object as Readonly<Record<string, unknown>>, plan, options.known)
      : typed(object, plan);
  return options.pretty === true ? indentJson(text) : text;
}

/** A raw value that is JSON text already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Encodes any JSON value with keys sorted by bytes, as Go prints maps; undefined members are left out. */
export function encodeUnstructured(value: unknown, options: EncodeOptions = {}): Uint8Array {
  return encoder.encode(encodeUnstructuredText(value, options));
}

/** The text of {@link encodeUnstructured}. */
export function encodeUnstructuredText(value: unknown, options: EncodeOptions = {}): string {
  const text = untyped(value, true);
  return options.pretty === true ? indentJson(text) : text;
}

/** JSON of any value with keys in their own order, as RawExtension keeps bytes. */
export function rawJsonText(value: unknown): string {
  return untyped(value, false);
}

/** JSON of any value with keys sorted in these objects and in their own order in all others. */
export function partlySortedText(value: unknown, isSorted: (object: object) => boolean): string {
  return untyped(value, isSorted);
}

function typed(value: unknown, plan: Plan): string {
  switch (plan.op) {
    case "object":
      return objectText(value as Readonly<Record<string, unknown>>, plan);
    case "map":
      return map(value as Readonly<Record<string, unknown>>, plan.element);
    case "list":
      return list(value as readonly unknown[], plan.element);
    case "string":
    case "bytes":
    case "quantity":
    case "time":
    case "microTime":
    case "duration":
      return typeof value === "string" ? quote(value) : untyped(value, true);
    case "int32":
    case "int64":
    case "bool":
      return String(value);
    case "double":
      return Object.is(value, -0) ? "-0" : String(value);
    case "raw":
      return rawText(value);
    case "schemaOrBool":
    case "schemaOrArray":
    case "schemaOrStrings":
      return schemaOr(value, plan.op);
    default:
      return untyped(value, true);
  }
}

function objectText(value: Readonly<Record<string, unknown>>, plan: Plan, known?: ReadonlyMap<string, string>): string {
  const { fieldList } = plan;
  let text = "{";
  for (let i = 0; i < fieldList.length; i++) {
    const field = fieldList[i] as FieldPlan;
    const member = value[field.name];
    if (member === undefined || member === null) {
      if (!field.isFilled) continue;
      text += text.length > 1 ? `,${field.label}` : field.label;
      text += absentText(field);
      continue;
    }
    const fieldPlan = field.plan;
    if (field.dropsZero && field.field.omit !== "never" && isZero(member, fieldPlan.op)) continue;
    text += text.length > 1 ? `,${field.label}` : field.label;
    text += known?.get(field.name) ?? typed(member, fieldPlan);
  }
  return `${text}}`;
}

const absentTexts = new WeakMap<FieldPlan, string>();

function absentText(field: FieldPlan): string {
  let text = absentTexts.get(field);
  if (text === undefined) {
    const value = absentValue(field);
    text = value === null ? "null" : typed(value, field.plan);
    absentTexts.set(field, text);
  }
  return text;
}

function map(value: Readonly<Record<string, unknown>>, element: Plan): string {
  let text = "{";
  for (const key of sortedKeys(value)) {
    const member = value[key];
    if (member === undefined) continue;
    if (text.length > 1) text += ",";
    text += `${quote(key)}:${member === null ? "null" : typed(member, element)}`;
  }
  return `${text}}`;
}

function list(value: readonly unknown[], element: Plan): string {
  let text = "[";
  for (let i = 0; i < value.length; i++) {
    const item = value[i];
    if (i > 0) text += ",";
    text += item === null || item === undefined ? "null" : typed(item, element);
  }
  return `${text}]`;
}

function schemaOr(value: unknown, op: "schemaOrBool" | "schemaOrArray" | "schemaOrStrings"): string {
  if (typeof value === "boolean") return String(value);
  if (!Array.isArray(value)) return typed(value, jsonSchemaPlan());
  return typed(value, op === "schemaOrArray" ? schemasPlan() : stringsPlan());
}

/** Of frozen values: what is stored is frozen to the bottom, and managedFields pass most writes as they are. */
const rawTexts = new WeakMap<object, string>();

function rawText(value: unknown): string {
  if (typeof value !== "object" || value === null || !Object.isFrozen(value)) return untyped(value, false);
  let text = rawTexts.get(value);
  if (text === undefined) {
    text = untyped(value, false);
    rawTexts.set(value, text);
  }
  return text;
}

type Sorting = boolean | ((object: object) => boolean);

function untyped(value: unknown, sorted: Sorting): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    case "object":
      if (value === null) return "null";
      if (value instanceof JsonText) return value.text;
      if (Array.isArray(value)) return `[${value.map((item) => untyped(item, sorted)).join(",")}]`;
      return untypedObject(value as Readonly<Record<string, unknown>>, sorted);
    default:
      return "null";
  }
}

function untypedObject(value: Readonly<Record<string, unknown>>, sorted: Sorting): string {
  const isSorted = typeof sorted === "boolean" ? sorted : sorted(value);
  let text = "{";
  for (const key of isSorted ? sortedKeys(value) : Object.keys(value)) {
    const member = value[key];
    if (member === undefined) continue;
    if (text.length > 1) text += ",";
    text += `${quote(key)}:${untyped(member, sorted)}`;
  }
  return `${text}}`;
}

const SURROGATE = /[\ud800-\udfff]/;

/** The keys of a map in the order of their UTF-8 bytes, which is Go's. */
export function sortedKeys(value: object): string[] {
  const keys = Object.keys(value);
  if (keys.length < 2) return keys;
  keys.sort();
  // UTF-16 order differs from that of bytes only where surrogates are involved.
  return keys.some((key) => SURROGATE.test(key)) ? keys.sort(compareCodePoints) : keys;
}

function compareCodePoints(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

const ESCAPED = /["\\<>&\u0000-\u001f\u2028\u2029\ud800-\udfff]/;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** A string literal with Go's escapes. */
export function quote(text: string): string {
  if (!ESCAPED.test(text)) return `"${text}"`;
  const escaped = text
    .toWellFormed()
    .replace(
      /["\\<>&\u0000-\u001f\u2028\u2029]/g,
      (char) => ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  return `"${escaped}"`;
}

/** Lays compact JSON out as Go's json.Indent with two spaces. */
export function indentJson(text: string): string {
  let out = "";
  let indent = "\n";
  let inString = false;
  let chunk = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === 0x5c) i++;
      else if (char === 0x22) inString = false;
      continue;
    }
    if (char === 0x22) inString = true;
    else if (char === 0x7b || char === 0x5b) {
      const next = text.charCodeAt(i + 1);
      if (next === 0x7d || next === 0x5d) {
        i++;
        continue;
      }
      indent += "  ";
      out += text.slice(chunk, i + 1) + indent;
      chunk = i + 1;
    } else if (char === 0x7d || char === 0x5d) {
      indent = indent.slice(0, -2);
      out += text.slice(chunk, i) + indent;
      chunk = i;
    } else if (char === 0x2c) {
      out += text.slice(chunk, i + 1) + indent;
      chunk = i + 1;
    } else if (char === 0x3a) {
      out += `${text.slice(chunk, i + 1)} `;
      chunk = i + 1;
    }
  }
  return out + text.slice(chunk);
}
