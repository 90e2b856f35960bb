import { randomBytes, randomInt, randomUUID } from "node:crypto";
import type { Random } from "@tsukube/foundation";

/** The operating system's randomness. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  uuid: () => randomUUID(),
  float: () => randomInt(2 ** 47) / 2 ** 47,
};
