import { accessSync, constants, existsSync, lstatSync, mkdirSync, readFileSync, statSync } from "node:fs";
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
  expectAlone(path);
  if (size === 0 && hasWritten) throw damaged(path, "it is empty");
}

/** Of two that write none knows of the other's revisions. One that is not seen here, in a namespace of processes of its own, is not found. */
function expectAlone(path: string): void {
  const holder = holderOf(`${path}-lock`);
  if (holder === undefined || holder === process.pid) return;
  throw new StoreError(
    "unusable",
    `Cannot open "${path}": process ${holder} has it open, expected nobody; end that one first, or leave the file to it`,
  );
}

const LOCKS = "/proc/locks";
const LOCK = /^\d+: POSIX +ADVISORY +\w+ +(\d+) +([\da-f]+):([\da-f]+):(\d+) /gm;

/** Who has a lock on a file, as LMDB has as long as it is open. */
function holderOf(path: string): number | undefined {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined || !existsSync(LOCKS)) return undefined;
  const [major, minor] = [(file.dev >> 8) & 0xfff, (file.dev & 0xff) | ((file.dev >> 12) & 0xfff00)];
  for (const [, pid, a = "", b = "", inode] of readFileSync(LOCKS, "utf8").matchAll(LOCK))
    if (Number(inode) === file.ino && Number.parseInt(a, 16) === major && Number.parseInt(b, 16) === minor)
      return Number(pid);
  return undefined;
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
