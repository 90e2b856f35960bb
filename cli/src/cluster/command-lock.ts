import { rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { acquireLock, isAlive } from "@tsukube/host";
import type { CommandContext } from "../commands/context.ts";
import { isFull } from "../full-disk.ts";

type Needed = Pick<CommandContext, "clock" | "progress">;

/** Runs `work` while no other command holds the lock; waits for one that does, and says so once. */
export async function alone<T>(path: string, context: Needed, work: () => Promise<T>): Promise<T> {
  return during(await take(path, context), work);
}

/** The same for who makes room: where a disk is too full for a lock, it goes on without. */
export async function aloneIfRoom<T>(path: string, context: Needed, work: () => Promise<T>): Promise<T> {
  return during(await take(path, context).catch(unlocked), work);
}

async function during<T>(release: () => void, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    release();
  }
}

function unlocked(error: unknown): () => void {
  if (!isFull(error)) throw error;
  return () => {};
}

async function take(path: string, { clock, progress }: Needed): Promise<() => void> {
  for (let said = false; ; ) {
    const result = acquireLock(path, "");
    if ("release" in result) {
      return () => {
        result.release();
        removeIfEmpty(dirname(path)); // the lock may have been all that there was
      };
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
