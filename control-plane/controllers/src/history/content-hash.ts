import { encodeUnstructured } from "@tsukube/api";

const SAFE = "bcdfghjklmnpqrstvwxz2456789";

/**
 * FNV-1a, 32 bits, of any JSON value, in an alphabet fit for names that cannot spell a word. The order of members does not
 * matter. `collisions` makes another hash of the same content.
 */
export function contentHash(content: unknown, collisions = 0): string {
  let hash = 0x811c9dc5;
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  };
  for (const byte of encodeUnstructured(content)) mix(byte);
  if (collisions > 0) for (let shift = 0; shift < 32; shift += 8) mix((collisions >>> shift) & 0xff);
  return [...String(hash)].map((digit) => SAFE[digit.charCodeAt(0) % SAFE.length]).join("");
}
