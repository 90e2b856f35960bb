import type { Schema } from "../schema.ts";
import type { StaticType } from "./checker.ts";
import { tableOf } from "./table-of.ts";

/** What a request may have at most, which bounds every list, map and string in it. */
const MAX_REQUEST_BYTES = 3 * 1024 * 1024;

/** How many elements a value of this schema has at most; characters of a string. What has neither counts as nothing. */
export function maxSizeOf(schema: Schema): number {
  switch (schema.kind) {
    case "list":
      return schema.maxItems ?? Math.floor((MAX_REQUEST_BYTES - 2) / (minJsonSizeOf(schema.items) + 1));
    case "map":
      return schema.maxProperties ?? Math.floor((MAX_REQUEST_BYTES - 2) / (minJsonSizeOf(schema.values) + 6));
    case "scalar":
      return maxLengthOf(schema);
    default:
      return 0;
  }
}

/** In bytes: a character may take four. */
function maxLengthOf({ scalar, format = "", maxLength, enum: values }: Extract<Schema, { kind: "scalar" }>): number {
  if (scalar !== "string" && scalar !== "intOrString") return 0;
  const ofFormat = scalar === "string" ? FORMATS[format]?.most : undefined;
  if (ofFormat !== undefined) return ofFormat;
  if (maxLength !== undefined) return format === "byte" ? maxLength : maxLength * 4;
  if (scalar === "string" && format !== "byte" && values !== undefined)
    return Math.max(0, ...values.map((each) => new TextEncoder().encode(String(each)).length));
  return MAX_REQUEST_BYTES - 2;
}

/** How long values of these formats are in JSON, quotes included. */
const FORMATS: Readonly<Record<string, { readonly least: number; readonly most: number }>> = tableOf({
  duration: { least: 3, most: 32 },
  date: { least: 12, most: 12 },
  "date-time": { least: 21, most: 32 },
});

/** How long a value of this schema is in JSON at least. */
export function minJsonSizeOf(schema: Schema): number {
  switch (schema.kind) {
    case "object": {
      let size = 2;
      for (const field of schema.fields.values()) {
        if (field.required && field.schema.default === undefined)
          size += field.name.length + minJsonSizeOf(field.schema) + 4;
      }
      return size;
    }
    case "scalar":
      if (schema.scalar === "string") return FORMATS[schema.format ?? ""]?.least ?? 2;
      return schema.scalar === "bool" ? 4 : 1;
    default:
      return 2;
  }
}

/** Where a value stands below `self`, which bounds its size; empty: nowhere in the schema. */
export interface Place {
  readonly schema?: Schema;
  readonly size?: number;
}

export interface Reckoned {
  readonly cost: number;
  readonly type: StaticType;
  /** Of what a call computes: undefined. */
  readonly place?: Place | undefined;
  /** Elements or characters, where a call or a literal bounds them. */
  readonly size?: number | undefined;
}

export function placeOf(schema: Schema | undefined): Place {
  return schema === undefined ? {} : { schema, size: maxSizeOf(schema) };
}

const VARIABLE_SIZE = new Set(["string", "bytes", "list", "map"]);

/** What is not known to vary counts as one, so that no rule is refused for what is not known here. */
export function sizeOf({ size, place, type }: Omit<Reckoned, "cost">): number {
  return size ?? place?.size ?? type.size ?? (VARIABLE_SIZE.has(type.name) ? Infinity : 1);
}

/** Nothing of something endless is nothing. */
export function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : a * b;
}

export function share(size: number, factor: number): number {
  return Math.ceil(Number((size * factor).toFixed(6)));
}

export function tenth(size: number): number {
  return share(size, 0.1);
}
