import { BACKSLASH, CLOSE, CLOSE_LIST, OPEN, OPEN_LIST, QUOTE } from "./json-bytes.ts";

/** Values that are remembered; each takes the place of another whose hash ends alike. */
const SLOTS = 512;
const LONGEST = 8 * 1024;

interface Known {
  readonly bytes: Uint8Array;
  readonly value: unknown;
}

const slots: (Known | undefined)[] = new Array<Known | undefined>(SLOTS).fill(undefined);

/** Where an object in JSON ends, and a hash of its bytes. */
export interface Extent {
  readonly end: number;
  readonly hash: number;
}

/**
 * The extent of the JSON object at `start`, by its brackets; its syntax may be wrong. Undefined: it is not worth looking up, or
 * has no end.
 */
export function extentOf(bytes: Uint8Array, start: number): Extent | undefined {
  let depth = 0;
  let hash = 0;
  let isText = false;
  for (let i = start, last = Math.min(bytes.length, start + LONGEST); i < last; i += 1) {
    const byte = bytes[i] as number;
    hash = (Math.imul(hash, 31) + byte) | 0;
    if (byte === QUOTE) isText = !isText;
    else if (isText) {
      if (byte === BACKSLASH) hash = (Math.imul(hash, 31) + (bytes[++i] ?? 0)) | 0;
    } else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
    else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return { end: i + 1, hash };
  }
  return undefined;
}

/**
 * The value that these bytes were decoded into before. Most objects have the FieldsV1 of others: these are decoded, compared,
 * written and kept in memory once.
 */
export function sharedValue(bytes: Uint8Array, start: number, { end, hash }: Extent): unknown {
  const known = slots[hash & (SLOTS - 1)];
  return known !== undefined && isAt(known.bytes, bytes, start, end) ? known.value : undefined;
}

/** Remembers what these bytes were decoded into, which is frozen to the bottom. @returns `value`. */
export function share(bytes: Uint8Array, start: number, { end, hash }: Extent, value: unknown): unknown {
  freeze(value);
  slots[hash & (SLOTS - 1)] = { bytes: new Uint8Array(bytes.subarray(start, end)), value }; // a Buffer's slice is a view
  return value;
}

function isAt(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i += 1) if (known[i] !== bytes[start + i]) return false;
  return true;
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  Object.values(Object.freeze(value)).forEach(freeze);
}
