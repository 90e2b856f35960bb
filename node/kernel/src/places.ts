import { closeSync, constants, openSync } from "node:fs";
import { codeOf } from "@tsukube/foundation";
import { check, libc } from "./libc.ts";

/** open(2): a descriptor that only names a place; Node has no constant for it. */
export const O_PATH = 0o10000000;

const O_CLOEXEC = 0o2000000;
/** The number of openat2(2), the same on every machine: the C library has no function for it. */
const OPENAT2 = 437;
const SYSCALL = "long syscall(long number, int folder, const char *path, uint8_t *how, unsigned long size)";
const RESOLVE_NO_MAGICLINKS = 0x02n;
const RESOLVE_IN_ROOT = 0x10n;
/** The kernel gives up a path with ".." in it when anything is renamed or mounted meanwhile. */
const MOST_TRIES = 100;

/**
 * A descriptor that names the place of `path` as a process finds it whose root `root` is: links are followed, absolute ones and ".."
 * from `root`. Who changes them meanwhile cannot lead it out of there (openat2(2), RESOLVE_IN_ROOT).
 * @param root A path, or a descriptor of the folder.
 * @param last Whether a link at the end is followed, too.
 * @throws with the errno's name as `code`: `ENOENT`, `ENOTDIR`, `ELOOP`.
 */
export function openWithin(root: string | number, path: string, last = true): number {
  if (typeof root === "number") return openAt(root, path, last);
  const folder = openSync(root, O_PATH | constants.O_DIRECTORY);
  try {
    return openAt(folder, path, last);
  } finally {
    closeSync(folder);
  }
}

/** A name of a folder that the kernel takes, good until it is disposed of. */
export interface ShortName extends Disposable {
  readonly path: string;
}

/** What is in the folder has a path below 4,096 bytes then: names are of 255 bytes at most, and letters of 3. */
const LONG = 1200;

/**
 * A name for a folder however deep it lies, where `path` is not too long itself: paths of what is in it begin with it. The name may be a
 * link, which "/." at its end follows.
 */
export function shortName(path: string): ShortName {
  if (path.length < LONG) return { path, [Symbol.dispose]: () => {} };
  const folder = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  return { path: `/proc/self/fd/${folder}`, [Symbol.dispose]: () => closeSync(folder) };
}

function openAt(folder: number, path: string, last: boolean): number {
  const flags = O_PATH | O_CLOEXEC | (last ? 0 : constants.O_NOFOLLOW);
  for (let tries = 1; ; tries++) {
    try {
      return openedAt(folder, path === "" ? "." : path, BigInt(flags));
    } catch (error) {
      if (codeOf(error) !== "EAGAIN" || tries >= MOST_TRIES) throw error;
    }
  }
}

function openedAt(folder: number, path: string, flags: bigint): number {
  // struct open_how: flags, mode, resolve
  const how = new Uint8Array(new BigUint64Array([flags, 0n, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS]).buffer);
  return check(Number(libc(SYSCALL)(OPENAT2, folder, path, how, how.length)), `open "${path}"`);
}
