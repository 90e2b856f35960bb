import type { ObjectSchema } from "../schema.ts";
import type { DecodeOptions } from "./decode-error.ts";
/** The content of a runtime.Unknown: which kind, and its message. */
export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The message; a view into the bytes decoded. */
  readonly raw: Uint8Array;
  readonly contentEncoding: string;
  readonly contentType: string;
}
/** Whether bytes start with the protobuf magic `k8s\0`. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x6b && bytes[1] === 0x38 && bytes[2] === 0x73 && bytes[3] === 0;
}
/** Opens an envelope, to learn the kind before decoding. @throws {DecodeError} */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  throw new Error("Cannot decode protobuf: under construction");
}
/** Encodes with envelope: `k8s\0` + runtime.Unknown. apiVersion and kind go into the envelope only. */
export function encodeProtobuf(
  object: unknown,
  schema: ObjectSchema,
  kind: { readonly apiVersion: string; readonly kind: string },
): Uint8Array {
  throw new Error("Cannot encode protobuf: under construction");
}
/**
 * Decodes the message of an envelope into the same normal form as decodeJson; apiVersion and kind are set from the envelope.
 * @throws {DecodeError}
 */
export function decodeProtobuf<T = unknown>(envelope: Envelope, schema: ObjectSchema, options: DecodeOptions = {}): T {
  throw new Error("Cannot decode protobuf: under construction");
}
/** A message without envelope. */
export function encodeMessage(object: unknown, schema: ObjectSchema): Uint8Array {
  throw new Error("Cannot encode protobuf: under construction");
}
/** A message without envelope. @throws {DecodeError} */
export function decodeMessage<T = unknown>(bytes: Uint8Array, schema: ObjectSchema, options: DecodeOptions = {}): T {
  throw new Error("Cannot decode protobuf: under construction");
}
/** Encodes a list whose items are already encoded messages (without envelope), with envelope: nothing is decoded. */
export function encodeListOfMessages(
  kind: { readonly apiVersion: string; readonly kind: string },
  listMeta: unknown,
  items: readonly Uint8Array[],
): Uint8Array {
  throw new Error("Cannot encode protobuf: under construction");
}
/** A frame of a protobuf watch: 4 bytes big-endian length + the WatchEvent in its envelope. `object` has its own envelope. */
export function encodeWatchFrame(type: string, object: Uint8Array): Uint8Array {
  throw new Error("Cannot encode protobuf: under construction");
}
/** The content of a watch frame without its 4 bytes of length. @throws {DecodeError} */
export function decodeWatchFrame(bytes: Uint8Array): { readonly type: string; readonly object: Uint8Array } {
  throw new Error("Cannot decode protobuf: under construction");
}
