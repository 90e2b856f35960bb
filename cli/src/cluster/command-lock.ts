import { rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { acquireLock, isAlive } from "@tsukube/host";
import type { CommandContext } from "../commands/context.ts";

/** Runs `work` while no other command holds the lock; waits for one that does, and says so once. */
export async function alone<T>(
  path: string,
  { clock, progress }: Pick<CommandContext, "clock" | "progress">,
  work: () => Promise<T>,
): Promise<T> {
  for (let said = false; ; ) {
    const result = acquireLock(path, "");
    if ("release" in result) {
      try {
        return await work();
      } finally {
        result.release();
        removeIfEmpty(dirname(path)); // the lock may have been all that there was
      }
    }
    const { pid, startTime } = result.holder;
    if (!said) progress.say(`Waiting for another tsukube command (pid ${pid}).`);
    said = true;
    // its lock goes before it does
    for (let turn = 0; turn < 10 && isAlive(pid, startTime); turn += 1) await clock.sleep(20);
  }
}

/** Removes a folder unless something is in it. */
export function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // others live there
  }
}
