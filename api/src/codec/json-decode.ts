import type { Json } from "../object.ts";
import type { Schema } from "../schema.ts";
import type { Decoded, DecodeOptions } from "./decode-error.ts";
/**
 * Decodes a JSON body by its schema into the normal form: exactly what {@link encodeJson} prints. Fields that Go drops when
 * zero are absent, those it always prints are present; unknown fields are dropped and reported.
 * @throws {DecodeError}
 */
export function decodeJson<T = unknown>(bytes: Uint8Array, schema: Schema, options: DecodeOptions = {}): Decoded<T> {
  throw new Error("Cannot decode JSON: under construction");
}
/**
 * Decodes any JSON value (patches, custom resources); integers past 2^53 are bigints, those past int64 numbers. Keys keep their order.
 * @throws {DecodeError}
 */
export function decodeUnstructured<T = Json>(bytes: Uint8Array, options: DecodeOptions = {}): Decoded<T> {
  throw new Error("Cannot decode JSON: under construction");
}
/**
 * Brings a value (an unstructured object after a patch, or one made by hand) into the normal form of `schema`, as decoding
 * its JSON would.
 * @throws {DecodeError}
 */
export function normalize<T = unknown>(value: unknown, schema: Schema, options: DecodeOptions = {}): Decoded<T> {
  throw new Error("Cannot normalize: under construction");
}
