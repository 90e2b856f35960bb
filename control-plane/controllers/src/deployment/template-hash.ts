import { encodeUnstructured } from "@tsukube/api";
import type { PodTemplateSpec } from "@tsukube/api/types/core-v1";

const SAFE = "bcdfghjklmnpqrstvwxz2456789";

/** FNV-1a, 32 bits, of the template, in an alphabet fit for names. `collisions` makes another hash of the same template. */
export function templateHash(template: PodTemplateSpec, collisions = 0): string {
  let hash = 0x811c9dc5;
  const mix = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  };
  for (const byte of encodeUnstructured(template)) mix(byte);
  if (collisions > 0) for (let shift = 0; shift < 32; shift += 8) mix((collisions >>> shift) & 0xff);
  return [...String(hash)].map((digit) => SAFE[digit.charCodeAt(0) % SAFE.length]).join("");
}
