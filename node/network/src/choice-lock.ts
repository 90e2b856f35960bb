import type { Clock } from "@tsukube/foundation";
import { acquireLock } from "@tsukube/host";

const LOOK_AGAIN_MS = 10;

/** Does what only one of this host's engines and pod networks may do at a time. @param lock A file; undefined where there is no other. */
export async function holding<T>(
  lock: string | undefined,
  clock: Pick<Clock, "sleep">,
  work: () => Promise<T>,
): Promise<T> {
  if (lock === undefined) return work();
  for (;;) {
    const result = acquireLock(lock, "");
    if ("holder" in result) {
      await clock.sleep(LOOK_AGAIN_MS);
      continue;
    }
    try {
      return await work();
    } finally {
      result.release();
    }
  }
}
