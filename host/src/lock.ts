import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "@tsukube/foundation";
import { isAlive, startTimeOf } from "./processes.ts";

/** Who holds a lock. `note` is whatever the holder wrote, such as its bundle's hash. */
export interface LockHolder {
  readonly pid: number;
  readonly startTime: string;
  readonly note: string;
}

/** The live holder of the lock file, or undefined when it is free or its holder is gone. */
export function lockHolder(path: string): LockHolder | undefined {
  let holder: LockHolder;
  try {
    holder = JSON.parse(readFileSync(path, "utf8")) as LockHolder;
  } catch {
    return undefined;
  }
  return isAlive(holder.pid, holder.startTime === "" ? undefined : holder.startTime) ? holder : undefined;
}

/**
 * Takes the lock for this process, or returns who has it. A holder that died, even by SIGKILL or with the machine, does not
 * count: it is known by pid and start time. Atomic by link(2): of two that try at once, one wins.
 */
export function acquireLock(
  path: string,
  note: string,
): { readonly release: () => void } | { readonly holder: LockHolder } {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const mine = `${path}.${process.pid}`;
  try {
    writeFileSync(mine, JSON.stringify({ pid: process.pid, startTime: startTimeOf(process.pid) ?? "", note }), {
      mode: 0o600,
    });
    for (;;) {
      try {
        linkSync(mine, path);
        return { release: () => rmSync(path, { force: true }) };
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
      const holder = lockHolder(path);
      if (holder !== undefined) return { holder };
      breakLock(path, mine);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Removes the lock of a dead holder; only one at a time may, or the second would remove the lock that the first has taken since. */
function breakLock(path: string, mine: string): void {
  const breaking = `${path}.break`;
  try {
    linkSync(mine, breaking);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    if (lockHolder(breaking) === undefined) rmSync(breaking, { force: true }); // killed while it did this
    return;
  }
  try {
    if (lockHolder(path) === undefined) rmSync(path, { force: true });
  } finally {
    rmSync(breaking, { force: true });
  }
}
