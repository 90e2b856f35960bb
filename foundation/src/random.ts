/** Randomness, injected: the operating system's in production, seeded in deterministic tests. */
export interface Random {
  /** `length` random bytes; unpredictable in production. */
  bytes(length: number): Uint8Array;
  /** A random (version 4) UUID in lower case. */
  uuid(): string;
  /** A number in [0, 1). */
  float(): number;
}

/** The alphabet of generated names: no vowels and no look-alikes, as apimachinery's `rand` package. */
const NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** `length` characters fit for the end of an object's name, such as "x7k2p". */
export function nameSuffix(random: Random, length = 5): string {
  let out = "";
  for (const byte of random.bytes(length)) out += NAME_ALPHABET[byte % NAME_ALPHABET.length];
  return out;
}
