import { type Clock, messageOf } from "@tsukube/foundation";
import { within } from "../chain/deadline.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

/** As upstream's --etcd-healthcheck-timeout. */
const TIMEOUT_MS = 2000;

/** Why the store does not answer now, or not in time; undefined: it does. */
export async function storeProblem(cache: WatchCache, clock: Clock): Promise<string | undefined> {
  try {
    await within(TIMEOUT_MS, clock, () => cache.current());
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
