import { randomBytes, randomFillSync, randomInt, randomUUID } from "node:crypto";
import type { Random } from "@tsukube/foundation";

/** A call of the operating system takes as long for a few bytes as for many. */
const POOL_BYTES = 4096;
const SMALL_BYTES = 64;

const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let used = POOL_BYTES;

function smallBytes(length: number): Uint8Array {
  if (used + length > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = Uint8Array.from(pool.subarray(used, used + length));
  pool.fill(0, used, used + length); // nobody gets them twice, or finds them in memory
  used += length;
  return bytes;
}

/** The operating system's randomness. */
export const systemRandom: Random = {
  bytes: (length) => (length <= SMALL_BYTES ? smallBytes(length) : randomBytes(length)),
  uuid: () => randomUUID(),
  float: () => randomInt(2 ** 47) / 2 ** 47,
};
