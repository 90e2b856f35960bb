import type { Schema } from "../schema.ts";
/** How JSON is laid out. */
export interface EncodeOptions {
  /** Two spaces of indentation, as for curl and ?pretty=true. Default false. */
  readonly pretty?: boolean;
}
/** Encodes as Go does: fields in the schema's order, omit rules, sorted map keys, Go's escapes; no final newline. */
export function encodeJson(object: unknown, schema: Schema, options: EncodeOptions = {}): Uint8Array {
  throw new Error("Cannot encode JSON: under construction");
}
/** The text of {@link encodeJson}. */
export function encodeJsonText(object: unknown, schema: Schema, options: EncodeOptions = {}): string {
  throw new Error("Cannot encode JSON: under construction");
}
/** Encodes any JSON value with keys sorted by bytes, as Go prints maps; undefined members are left out. */
export function encodeUnstructured(value: unknown, options: EncodeOptions = {}): Uint8Array {
  throw new Error("Cannot encode JSON: under construction");
}
/** The text of {@link encodeUnstructured}. */
export function encodeUnstructuredText(value: unknown, options: EncodeOptions = {}): string {
  throw new Error("Cannot encode JSON: under construction");
}
