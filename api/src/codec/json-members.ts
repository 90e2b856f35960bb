import { BACKSLASH, CLOSE, CLOSE_LIST, COLON, COMMA, OPEN, OPEN_LIST, QUOTE } from "./json-bytes.ts";
import { setMember } from "./plan.ts";
import { asciiText } from "./text.ts";

/** Strings longer than this are searched natively: a call costs as much as so many steps. */
const SHORT = 48;

/**
 * Where the value at a path begins in compact JSON, as the encoder makes it: found without decoding.
 * @param at Where the object begins.
 * @returns -1: there is no such member; undefined: cannot tell, decode it.
 */
export function jsonMemberAt(bytes: Uint8Array, at: number, path: readonly string[]): number | undefined {
  return unlessUnforeseen(() => {
    let value = at;
    for (const name of path) {
      value = memberOf(bytes, value, name);
      if (value < 0) return -1;
    }
    return value;
  });
}

/** Whether the object at `at` has one of these members; undefined: cannot tell, decode it. */
export function jsonHasMember(bytes: Uint8Array, at: number, names: readonly string[]): boolean | undefined {
  return unlessUnforeseen(() => {
    if (bytes[at] !== OPEN) throw UNFORESEEN;
    if (bytes[at + 1] === CLOSE) return false;
    for (let i = at + 1; ; i += 1) {
      if (bytes[i] !== QUOTE) throw UNFORESEEN;
      const colon = skipString(bytes, i);
      if (bytes[colon] !== COLON) throw UNFORESEEN;
      for (const name of names) if (colon - i - 2 === name.length && isName(bytes, i + 1, name)) return true;
      i = skipValue(bytes, colon + 1);
      if (bytes[i] === CLOSE) return false;
      if (bytes[i] !== COMMA) throw UNFORESEEN;
    }
  });
}

/** The JSON text of those of these members that the object at `at` has; undefined: cannot tell, decode it. */
export function jsonMemberTexts(
  bytes: Uint8Array,
  at: number,
  names: ReadonlySet<string>,
): ReadonlyMap<string, string> | undefined {
  return unlessUnforeseen(() => {
    const texts = new Map<string, string>();
    if (bytes[at] !== OPEN) throw UNFORESEEN;
    if (bytes[at + 1] === CLOSE) return texts;
    for (let i = at + 1; ; i += 1) {
      if (bytes[i] !== QUOTE) throw UNFORESEEN;
      const colon = skipString(bytes, i);
      if (bytes[colon] !== COLON) throw UNFORESEEN;
      const end = skipValue(bytes, colon + 1);
      const name = plainText(bytes, i + 1, colon - 1);
      if (names.has(name)) texts.set(name, decoder.decode(bytes.subarray(colon + 1, end)));
      if (bytes[end] === CLOSE || texts.size === names.size) return texts;
      if (bytes[end] !== COMMA) throw UNFORESEEN;
      i = end;
    }
  });
}

const decoder = new TextDecoder();

/** Where the value at `at` ends; undefined: cannot tell, decode it. */
export function jsonValueEnd(bytes: Uint8Array, at: number): number | undefined {
  return unlessUnforeseen(() => skipValue(bytes, at));
}

/** The text of the scalar at `at` as `String` shows it, "" for null; undefined: cannot tell, decode it. */
export function jsonScalarAt(bytes: Uint8Array, at: number): string | undefined {
  const first = bytes[at];
  if (first === OPEN || first === OPEN_LIST) return undefined;
  return unlessUnforeseen(() => {
    const end = skipValue(bytes, at);
    if (first === QUOTE) return plainText(bytes, at + 1, end - 1);
    const text = plainText(bytes, at, end);
    return text === "null" ? "" : text;
  });
}

/** The members of the object at `at`, whose values are strings; undefined: cannot tell, decode it. */
export function jsonStringsAt(bytes: Uint8Array, at: number): Readonly<Record<string, string>> | undefined {
  return unlessUnforeseen(() => {
    const out: Record<string, string> = {};
    if (bytes[at] !== OPEN) throw UNFORESEEN;
    if (bytes[at + 1] === CLOSE) return out;
    for (let i = at + 1; ; i += 1) {
      const colon = skipString(bytes, i);
      if (bytes[colon] !== COLON || bytes[colon + 1] !== QUOTE) throw UNFORESEEN;
      const end = skipString(bytes, colon + 1);
      setMember(out, plainText(bytes, i + 1, colon - 1), plainText(bytes, colon + 2, end - 1));
      if (bytes[end] === CLOSE) return out;
      if (bytes[end] !== COMMA) throw UNFORESEEN;
      i = end;
    }
  });
}

/** Of JSON that the encoder did not make, or text that has to be decoded. */
const UNFORESEEN = new Error("cannot look into JSON without decoding it");

function unlessUnforeseen<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error === UNFORESEEN) return undefined;
    throw error;
  }
}

function memberOf(bytes: Uint8Array, at: number, name: string): number {
  if (bytes[at] !== OPEN) throw UNFORESEEN;
  if (bytes[at + 1] === CLOSE) return -1;
  for (let i = at + 1; ; i += 1) {
    if (bytes[i] !== QUOTE) throw UNFORESEEN;
    const colon = skipString(bytes, i);
    if (bytes[colon] !== COLON) throw UNFORESEEN;
    if (colon - i - 2 === name.length && isName(bytes, i + 1, name)) return colon + 1;
    i = skipValue(bytes, colon + 1);
    if (bytes[i] === CLOSE) return -1;
    if (bytes[i] !== COMMA) throw UNFORESEEN;
  }
}

function isName(bytes: Uint8Array, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i += 1) if (bytes[at + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** @returns the position after the value. */
function skipValue(bytes: Uint8Array, at: number): number {
  let depth = 0;
  for (let i = at; i < bytes.length; i += 1) {
    switch (bytes[i]) {
      case QUOTE:
        i = skipString(bytes, i) - 1;
        if (depth === 0) return i + 1;
        break;
      case OPEN:
      case OPEN_LIST:
        depth += 1;
        break;
      case CLOSE:
      case CLOSE_LIST:
        if (depth === 0) return i; // a number or a literal ended before it
        depth -= 1;
        if (depth === 0) return i + 1;
        break;
      case COMMA:
        if (depth === 0) return i;
        break;
      default:
    }
  }
  throw UNFORESEEN;
}

/** @param at Its quote. @returns the position after the closing one. */
function skipString(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  for (const end = Math.min(bytes.length, i + SHORT); i < end; i += 1) {
    if (bytes[i] === QUOTE) return i + 1;
    if (bytes[i] === BACKSLASH) i += 1;
  }
  for (;;) {
    i = bytes.indexOf(QUOTE, i);
    if (i < 0) throw UNFORESEEN;
    if (!isEscaped(bytes, i, at)) return i + 1;
    i += 1;
  }
}

function isEscaped(bytes: Uint8Array, quote: number, start: number): boolean {
  let backslashes = 0;
  while (quote - 1 - backslashes > start && bytes[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

function plainText(bytes: Uint8Array, start: number, end: number): string {
  let hash = 0;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i] as number;
    if (byte === BACKSLASH || byte >= 0x80) throw UNFORESEEN;
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  return asciiText(bytes, start, end, hash);
}
