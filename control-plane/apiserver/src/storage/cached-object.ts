import { jsonMemberTexts, jsonValueEnd, type Unstructured } from "@tsukube/api";
import type { StoredRecord } from "@tsukube/store";
import type { ReadableBytes } from "./stored-form.ts";

/** Decodes the stored bytes of any object; frozen. Supplied by the registry, which knows the kinds. */
export type DecodeStored = (key: string, bytes: Uint8Array) => Unstructured;

const REVISION_FIELD = Buffer.from(',"resourceVersion":"');
const NONE: ReadonlyMap<string, string> = new Map();
const METADATA = '"metadata":';
const QUOTE = 0x22;
/** Bytes of the index beside a record: where type meta ends, and where resourceVersion goes. */
const INDEX_LENGTH = 8;

/**
 * One object as the watch cache keeps it: its stored JSON without resourceVersion, and what was made of it on demand. Stored
 * bytes begin with type meta and metadata, so that both splices are at fixed offsets and nothing is parsed to serve them.
 */
export class CachedObject {
  readonly #record: StoredRecord;
  readonly #bodyStart: number;
  readonly #splice: number;
  readonly #decode: DecodeStored;
  #decoded: WeakRef<Unstructured> | undefined;
  /** Whether the stored bytes are what the encoder made here. */
  #isOwn = false;

  constructor(record: StoredRecord, decode: DecodeStored) {
    const { index } = record;
    this.#record = record;
    this.#decode = decode;
    this.#bodyStart = uint32At(index, 0);
    this.#splice = uint32At(index, 4);
  }

  get key(): string {
    return this.#record.key;
  }

  get revision(): number {
    return this.#record.revision;
  }

  get createRevision(): number {
    return this.#record.createRevision;
  }

  /** A view that may be made anew each time. */
  get stored(): Uint8Array {
    return this.#record.value;
  }

  /** Whether it lies in the store in another version than it would be written in: {@link stored} is what was made of it. */
  get isOutdated(): boolean {
    return (this.#record as ReadableBytes).isOutdated === true;
  }

  /** {@link object}, if it was decoded and is still there. */
  get decoded(): Unstructured | undefined {
    return this.#decoded?.deref();
  }

  /** The object with its resourceVersion; frozen and shared. */
  get object(): Unstructured {
    const present = this.decoded;
    if (present !== undefined) return present;
    const decoded = this.#decode(this.key, this.json());
    deepFreeze(decoded);
    this.#decoded = new WeakRef(decoded);
    return decoded;
  }

  /** Spares decoding what the writer has at hand. @returns what {@link object} then is, for as long as somebody keeps it. */
  remember(written: Unstructured): Unstructured {
    const object = withRevision(written, this.revision);
    deepFreeze(object);
    this.#decoded = new WeakRef(object);
    this.#isOwn = true;
    return object;
  }

  /** The stored JSON of the members that another object shares with this one; empty where that cannot be told cheaply. */
  sharedTexts(other: Unstructured): ReadonlyMap<string, string> {
    const { decoded } = this;
    if (!this.#isOwn || decoded === undefined) return NONE;
    const names = new Set<string>();
    for (const name in other) if (typeof other[name] === "object" && other[name] === decoded[name]) names.add(name);
    return names.size === 0 ? NONE : (jsonMemberTexts(this.stored, 0, names) ?? NONE);
  }

  /** JSON in the stored version, with kind and apiVersion, and with a resourceVersion: the object's own, or that of its deletion. */
  json(revision = this.revision): Uint8Array {
    return Buffer.concat(this.pieces(revision));
  }

  /** The pieces of {@link json} without kind and apiVersion, as items of typed lists have them. */
  bareJson(): readonly Uint8Array[] {
    const { stored, revision } = this;
    return [
      OPEN,
      stored.subarray(this.#bodyStart, this.#splice),
      revisionField(revision),
      stored.subarray(this.#splice),
    ];
  }

  /** The pieces of its metadata's JSON; undefined: it has to be decoded. */
  metadataPieces(revision = this.revision): readonly Uint8Array[] | undefined {
    const { stored } = this;
    const start = this.#bodyStart + METADATA.length;
    const end = jsonValueEnd(stored, start);
    if (end === undefined) return undefined;
    return [stored.subarray(start, this.#splice), revisionField(revision), stored.subarray(this.#splice, end)];
  }

  /** The pieces of {@link json}. */
  pieces(revision = this.revision): readonly Uint8Array[] {
    const { stored } = this;
    return [stored.subarray(0, this.#splice), revisionField(revision), stored.subarray(this.#splice)];
  }
}

/** @returns 0 where there is none. */
function uint32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function revisionField(revision: number): Uint8Array {
  const digits = String(revision);
  const out = Buffer.allocUnsafe(REVISION_FIELD.length + digits.length + 1);
  REVISION_FIELD.copy(out);
  out.write(digits, REVISION_FIELD.length, "latin1");
  out[out.length - 1] = QUOTE;
  return out;
}

export function withRevision(object: Unstructured, revision: number): Unstructured {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

const OPEN = Buffer.from("{");

/**
 * The index bytes for an object's stored JSON: found once, when it is written.
 * @param uid metadata.uid. The first `"uid":"<uid>"` outside a string value is metadata's: type meta and metadata come first,
 * and inside a JSON string the quotes would be escaped.
 */
export function indexOf(stored: Uint8Array, uid: string): Uint8Array {
  const buffer = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const marker = `"uid":"${uid}"`;
  const at = buffer.indexOf(marker);
  const metadata = buffer.indexOf(METADATA);
  if (at < 0 || metadata < 0) throw new Error(`Cannot index an object: no ${marker} in its JSON`);
  const out = new Uint8Array(INDEX_LENGTH);
  const view = new DataView(out.buffer);
  view.setUint32(0, metadata);
  view.setUint32(4, at + marker.length);
  return out;
}

/** Freezes a JSON value and all below it; stops at what is frozen already, because frozen parts are shared. */
export function deepFreeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  // half as dear as by Object.values, and every object that is written comes by
  if (Array.isArray(value)) for (const item of value) deepFreeze(item);
  else for (const name in value) deepFreeze((value as Readonly<Record<string, unknown>>)[name]);
}
