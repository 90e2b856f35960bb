import { TsukubeError } from "@tsukube/foundation";

/** Text that is no base64; the message is Go's. */
class Base64Error extends TsukubeError<"invalid-base64"> {}

const CLEAN = /^[A-Za-z0-9+/]*={0,2}$/;

/** Checks padded standard base64, as Go's decoder: line breaks are dropped, and bits that are too many. @throws {Base64Error} */
export function canonicalBase64(text: string): string {
  if (text.length % 4 === 0 && CLEAN.test(text)) return withoutSpareBits(text);
  const stripped = text.replace(/[\r\n]/g, "");
  if (stripped.length % 4 === 0 && CLEAN.test(stripped)) return withoutSpareBits(stripped);
  throw new Base64Error("invalid-base64", `illegal base64 data at input byte ${corruptAt(text)}`);
}

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Before one `=` two bits of a character count for nothing, before two four. */
function withoutSpareBits(text: string): string {
  if (!text.endsWith("=")) return text;
  const [at, mask] = text.endsWith("==") ? [-3, 0x30] : [-2, 0x3c];
  const character = text.at(at)!;
  const clean = ALPHABET[ALPHABET.indexOf(character) & mask]!;
  return clean === character ? text : text.slice(0, at) + clean + text.slice(at + 1);
}

/** Where Go's decoder gives up. */
function corruptAt(text: string): number {
  const pastBreaks = (at: number): number => (/[\r\n]/.test(text[at] ?? "") ? pastBreaks(at + 1) : at);
  let place = 0; // among four characters
  for (let at = pastBreaks(0); at < text.length; at = pastBreaks(at + 1)) {
    if (ALPHABET.includes(text[at]!)) place = (place + 1) % 4;
    else if (text[at] !== "=" || place < 2) return at;
    else if (place === 3) return pastBreaks(at + 1);
    else {
      const second = pastBreaks(at + 1);
      if (second === text.length) return second;
      return text[second] === "=" ? pastBreaks(second + 1) : second - 1;
    }
  }
  return text.length - place;
}

/** Older engines (Node 24) lack the methods of Uint8Array. */
const isNative = typeof Uint8Array.fromBase64 === "function";

/** The bytes of padded standard base64. */
export function bytesOfBase64(text: string): Uint8Array {
  return isNative ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** Padded standard base64 of bytes. */
export function base64OfBytes(bytes: Uint8Array): string {
  if (isNative) return bytes.toBase64();
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
