/** Strings out of bytes. Field values recur, so short ASCII ones are remembered instead of being made again. */

const CACHE_SIZE = 4096;
const CACHED_LENGTH = 48;
const cache: (string | undefined)[] = new Array<string | undefined>(CACHE_SIZE).fill(undefined);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Node's slices, several times faster than TextDecoder; absent in browsers. */
type Slice = (this: Uint8Array, start: number, end: number) => string;
const node = (globalThis as { Buffer?: { prototype: { latin1Slice: Slice; utf8Slice: Slice } } }).Buffer?.prototype;

/** The text of ASCII bytes [start, end). `hash` is any hash of these bytes. */
export function asciiText(bytes: Uint8Array, start: number, end: number, hash: number): string {
  const length = end - start;
  if (length > CACHED_LENGTH) return slice(bytes, start, end);
  const slot = hash & (CACHE_SIZE - 1);
  const known = cache[slot];
  if (known !== undefined && known.length === length && matches(known, bytes, start)) return known;
  const text = slice(bytes, start, end);
  cache[slot] = text;
  return text;
}

function matches(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

function slice(bytes: Uint8Array, start: number, end: number): string {
  if (node !== undefined) return node.latin1Slice.call(bytes, start, end);
  return decoder.decode(bytes.subarray(start, end));
}

/** The text of UTF-8 bytes [start, end); invalid sequences become U+FFFD, as in Go. */
export function utf8Text(bytes: Uint8Array, start: number, end: number): string {
  if (node !== undefined) return node.utf8Slice.call(bytes, start, end);
  return decoder.decode(bytes.subarray(start, end));
}
