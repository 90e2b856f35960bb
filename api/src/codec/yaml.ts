import type { Json } from "../object.ts";
import type { Schema } from "../schema.ts";
import type { Decoded, DecodeOptions } from "./decode-error.ts";
/** Decodes a YAML (or JSON) body by its schema: kubectl's dialect of YAML 1.1. @throws {DecodeError} */
export function decodeYaml<T = unknown>(bytes: Uint8Array, schema: Schema, options: DecodeOptions = {}): Decoded<T> {
  throw new Error("Cannot decode YAML: under construction");
}
/** Decodes YAML (or JSON) into any JSON value; several documents are an error. @throws {DecodeError} */
export function decodeYamlUnstructured<T = Json>(bytes: Uint8Array, options: DecodeOptions = {}): Decoded<T> {
  throw new Error("Cannot decode YAML: under construction");
}
/** Encodes as sigs.k8s.io/yaml does: keys sorted. `schema` undefined: any JSON value. */
export function encodeYaml(object: unknown, schema: Schema | undefined): Uint8Array {
  throw new Error("Cannot encode YAML: under construction");
}
