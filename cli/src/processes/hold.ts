import type { Clock, Logger } from "@tsukube/foundation";
import { acquireLock, isAlive } from "@tsukube/host";

/**
 * Takes the process's lock, however long that takes: a live holder of the same bundle is watched until it ends, one of another
 * bundle is asked to go. Two supervisors thus never run two servers.
 */
export async function holdLock(path: string, bundle: string, clock: Clock, logger: Logger): Promise<() => void> {
  for (let said = false; ; ) {
    const result = acquireLock(path, bundle);
    if ("release" in result) return result.release;
    const { holder } = result;
    if (holder.note !== bundle) {
      logger.info("replacing the process of another version", { pid: holder.pid });
      signal(holder.pid, "SIGTERM");
    } else if (!said) {
      logger.info("another process does this already; waiting for its end", { pid: holder.pid });
      said = true;
    }
    while (isAlive(holder.pid, holder.startTime)) await clock.sleep(200);
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it ended in between
  }
}
