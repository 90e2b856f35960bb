import { accessSync, constants, existsSync, lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "@tsukube/foundation";
import { damaged } from "./lmdb-format.ts";
import { StoreError } from "./store.ts";

/**
 * Makes the folder of a store's file, and sees that a file can be used or made there, before anything is changed.
 * @param hasWritten Whether something was stored there: then the file is not empty.
 * @throws {StoreError} `unusable`, `damaged`.
 */
export function preparePlace(path: string, hasWritten: boolean): void {
  const folder = dirname(path);
  orUnusable(path, () => mkdirSync(folder, { recursive: true }));
  orUnusable(path, () => accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK));
  const size = sizeOf(path);
  sizeOf(`${path}-lock`); // LMDB (lmdb 3.5.6) ends the process where it cannot open that
  if (size === 0 && hasWritten) throw damaged(path, "it is empty");
}

/** undefined: there is none. */
function sizeOf(path: string): number | undefined {
  if (!existsSync(path)) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    throw unusable(path, "it is a link that leads to no file");
  }
  return orUnusable(path, () => {
    const found = statSync(path);
    if (!found.isFile()) throw new Error(found.isDirectory() ? "it is a folder" : "it is no file");
    accessSync(path, constants.R_OK | constants.W_OK);
    return found.size;
  });
}

/** @throws {StoreError} `unusable` instead of what `work` throws. */
export function orUnusable<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw unusable(path, messageOf(cause), cause);
  }
}

function unusable(path: string, why: string, cause?: unknown): StoreError {
  return new StoreError(
    "unusable",
    `Cannot open "${path}": ${why}, expected a file that this user reads and writes, in a folder that the user writes to; repair that, or move away what is there to begin empty`,
    { cause },
  );
}
