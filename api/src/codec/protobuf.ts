import type { ObjectSchema } from "../schema.ts";
import { schemaOfType } from "../schema-of.ts";
import { DecodeError, type DecodeOptions } from "./decode-error.ts";
import { planOf } from "./plan.ts";
import { MessageDecoder } from "./protobuf-decode.ts";
import { closeMessage, writeObject } from "./protobuf-encode.ts";
import { ProtobufReader } from "./protobuf-reader.ts";
import { writeJsonObject } from "./protobuf-transcode.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";

/** One writer serves all: encoding is synchronous. */
const writer = new ProtobufWriter();

type Kind = { readonly apiVersion: string; readonly kind: string };

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
  if (!isProtobuf(bytes)) {
    throw new DecodeError(
      "syntax",
      "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
    );
  }
  const reader = new ProtobufReader(bytes);
  reader.position = MAGIC.length;
  let typeMeta = { apiVersion: "", kind: "" };
  let raw = bytes.subarray(0, 0);
  let contentEncoding = "";
  let contentType = "";
  while (reader.position < bytes.length) {
    const tag = reader.varint();
    if (tag === 10) typeMeta = readTypeMeta(reader, reader.end(bytes.length));
    else if (tag === 18) raw = reader.delimited(bytes.length);
    else if (tag === 26) contentEncoding = reader.text(bytes.length);
    else if (tag === 34) contentType = reader.text(bytes.length);
    else reader.skip(tag & 7, bytes.length);
  }
  return { ...typeMeta, raw, contentEncoding, contentType };
}

/** Encodes with envelope: `k8s\0` + runtime.Unknown. apiVersion and kind go into the envelope only. */
export function encodeProtobuf(
  object: unknown,
  schema: ObjectSchema,
  kind: { readonly apiVersion: string; readonly kind: string },
): Uint8Array {
  return enveloped(kind, () => writeObject(writer, object as Readonly<Record<string, unknown>>, planOf(schema)));
}

/**
 * Decodes the message of an envelope into the same normal form as decodeJson; apiVersion and kind are set from the envelope.
 * @throws {DecodeError}
 */
export function decodeProtobuf<T = unknown>(envelope: Envelope, schema: ObjectSchema, options: DecodeOptions = {}): T {
  const object = decodeMessage<Record<string, unknown>>(envelope.raw, schema, options);
  const { apiVersion, kind } = envelope;
  // Type meta stands first, as in JSON.
  return { ...(kind !== "" && { kind }), ...(apiVersion !== "" && { apiVersion }), ...object } as T;
}

/** A message without envelope. */
export function encodeMessage(object: unknown, schema: ObjectSchema): Uint8Array {
  return written(() => writeObject(writer, object as Readonly<Record<string, unknown>>, planOf(schema)));
}

/** A message without envelope. @throws {DecodeError} */
export function decodeMessage<T = unknown>(bytes: Uint8Array, schema: ObjectSchema, options: DecodeOptions = {}): T {
  return new MessageDecoder(bytes, options).whole(planOf(schema)) as T;
}

/**
 * {@link encodeMessage} of an object of which there is JSON as {@link encodeJson} makes it: the object itself is never made.
 * Undefined for what takes decoding, such as JSON schemas.
 */
export function encodeMessageOfJson(json: Uint8Array, schema: ObjectSchema): Uint8Array | undefined {
  let isWritten = false;
  const message = written(() => {
    isWritten = writeJsonObject(writer, json, schema);
    if (!isWritten) writer.reset();
  });
  return isWritten ? message : undefined;
}

/** A message that is already encoded, with envelope. */
export function envelopeOfMessage(kind: Kind, message: Uint8Array): Uint8Array {
  return enveloped(kind, () => writer.bytes(message));
}

/** Encodes a list whose items are already encoded messages (without envelope), with envelope: nothing is decoded. */
export function encodeListOfMessages(kind: Kind, listMeta: unknown, items: readonly Uint8Array[]): Uint8Array {
  const pieces = piecesOfMessageList(kind, listMeta, items);
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

/** What {@link encodeListOfMessages} joins; the messages among it are those given. */
export function piecesOfMessageList(
  kind: Kind,
  listMeta: unknown,
  items: readonly Uint8Array[],
): readonly Uint8Array[] {
  let content = 0;
  for (const item of items) content += 1 + varintSize(item.length) + item.length;
  // what stands before and after the items, as of a list without any
  const head = written(() => {
    const end = writer.length;
    const before = writer.length;
    writeObject(writer, listMeta as Readonly<Record<string, unknown>>, planOf(schemaOfType("meta/v1.ListMeta")));
    closeMessage(writer, 1, before);
    writer.varint(content + writer.length - end);
    writer.byte(RAW_TAG);
    writeTypeMeta(kind);
  });
  const pieces = [head];
  for (const item of items) pieces.push(itemHead(item.length), item);
  pieces.push(TAIL);
  return pieces;
}

function itemHead(length: number): Uint8Array {
  const out = new Uint8Array(1 + varintSize(length));
  out[0] = RAW_TAG;
  let rest = length;
  let at = 1;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 0x80;
  out[at] = rest;
  return out;
}

/** Of runtime.Unknown's message, and of a list's items: field 2, delimited. */
const RAW_TAG = 0x12;
/** contentEncoding and contentType, always written, empty. */
const TAIL = Uint8Array.of(0x1a, 0, 0x22, 0);

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) size++;
  return size;
}

/**
 * A frame of a protobuf watch: 4 bytes big-endian length + the WatchEvent message. Streams have no envelope around events
 * (upstream's RawSerializer), the object within has its own.
 */
export function encodeWatchFrame(type: string, object: Uint8Array): Uint8Array {
  const event = written(() => {
    const outer = writer.length;
    const before = writer.length;
    writer.bytes(object);
    closeMessage(writer, 1, before);
    closeMessage(writer, 2, outer);
    writeString(1, type);
  });
  const frame = new Uint8Array(4 + event.length);
  new DataView(frame.buffer).setUint32(0, event.length);
  frame.set(event, 4);
  return frame;
}

/** The content of a watch frame without its 4 bytes of length; `object` has its own envelope. @throws {DecodeError} */
export function decodeWatchFrame(bytes: Uint8Array): { readonly type: string; readonly object: Uint8Array } {
  const reader = new ProtobufReader(bytes);
  let type = "";
  let object = bytes.subarray(0, 0);
  while (reader.position < bytes.length) {
    const tag = reader.varint();
    if (tag === 10) type = reader.text(bytes.length);
    else if (tag === 18) object = readExtension(reader, reader.end(bytes.length)) ?? object;
    else reader.skip(tag & 7, bytes.length);
  }
  return { type, object };
}

const MAGIC = Uint8Array.of(0x6b, 0x38, 0x73, 0);

function enveloped(kind: Kind, write: () => void): Uint8Array {
  return written(() => {
    writer.bytes(TAIL);
    const raw = writer.length;
    write();
    closeMessage(writer, 2, raw);
    writeTypeMeta(kind);
  });
}

/** What an envelope begins with. */
function writeTypeMeta(kind: Kind): void {
  const before = writer.length;
  writeString(2, kind.kind);
  writeString(1, kind.apiVersion);
  closeMessage(writer, 1, before);
  writer.bytes(MAGIC);
}

function writeString(number: number, text: string): void {
  const before = writer.length;
  writer.text(text);
  closeMessage(writer, number, before);
}

function written(write: () => void): Uint8Array {
  try {
    write();
    return writer.finish();
  } catch (error) {
    writer.reset();
    throw error;
  }
}

function readTypeMeta(reader: ProtobufReader, end: number): Kind {
  let apiVersion = "";
  let kind = "";
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === 10) apiVersion = reader.text(end);
    else if (tag === 18) kind = reader.text(end);
    else reader.skip(tag & 7, end);
  }
  return { apiVersion, kind };
}

/** The bytes of a RawExtension. */
function readExtension(reader: ProtobufReader, end: number): Uint8Array | undefined {
  let raw: Uint8Array | undefined;
  while (reader.position < end) {
    const tag = reader.varint();
    if (tag === 10) raw = reader.delimited(end);
    else reader.skip(tag & 7, end);
  }
  return raw;
}
