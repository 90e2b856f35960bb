import { TsukubeError } from "@tsukube/foundation";

/** Text that is no base64; the message is Go's. */
class Base64Error extends TsukubeError<"invalid-base64"> {}

const CLEAN = /^[A-Za-z0-9+/]*={0,2}$/;

/** Checks padded standard base64, as Go's decoder: line breaks are dropped. @throws {Base64Error} */
export function canonicalBase64(text: string): string {
  if (text.length % 4 === 0 && CLEAN.test(text)) return text;
  const stripped = text.replace(/[\r\n]/g, "");
  if (stripped.length % 4 === 0 && CLEAN.test(stripped)) return stripped;
  const bad = stripped.search(/[^A-Za-z0-9+/]/);
  const position = bad < 0 ? Math.floor(stripped.length / 4) * 4 : bad;
  throw new Base64Error("invalid-base64", `illegal base64 data at input byte ${position}`);
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
