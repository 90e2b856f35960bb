import { TsukubeError } from "@tsukube/foundation";
import { check, lastError, libc } from "./libc.ts";

const LLISTXATTR = "long llistxattr(const char *path, uint8_t *list, unsigned long size)";
const LGETXATTR = "long lgetxattr(const char *path, const char *name, uint8_t *value, unsigned long size)";
const LSETXATTR =
  "int lsetxattr(const char *path, const char *name, const uint8_t *value, unsigned long size, int flags)";
const UTIMENSAT = "int utimensat(int folder, const char *path, const uint8_t *times, int flags)";
const BILLION = 1_000_000_000n;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const NONE: readonly string[] = [];
/** XATTR_LIST_MAX and XATTR_SIZE_MAX are both 64 KiB; one call at a time uses it. */
const room = Buffer.alloc(64 * 1024);

/** Names of the extended attributes of a file, of the link itself where `path` is one; none where the file system has none. */
export function attributeNames(path: string): readonly string[] {
  const length = Number(libc(LLISTXATTR)(path, room, room.length));
  if (length > 0) return room.toString("utf8", 0, length - 1).split("\0");
  if (length === 0) return NONE;
  const code = lastError();
  if (code === "ENOTSUP" || code === "EOPNOTSUPP") return NONE;
  throw new TsukubeError(code, `Cannot list the attributes of "${path}": the kernel answered ${code}`);
}

/** The value of an extended attribute. @throws with the errno's name as `code`. */
export function attribute(path: string, name: string): Buffer {
  const length = check(Number(libc(LGETXATTR)(path, name, room, room.length)), `read attribute ${name} of "${path}"`);
  return Buffer.from(room.subarray(0, length));
}

/** Sets an extended attribute, of the link itself where `path` is one. @throws with the errno's name as `code`. */
export function setAttribute(path: string, name: string, value: Uint8Array): void {
  check(libc(LSETXATTR)(path, name, value, value.length, 0), `set attribute ${name} of "${path}"`);
}

/** Sets both times of a file, of the link itself where `path` is one, to the nanosecond. @param time In nanoseconds since the epoch. */
export function setTimes(path: string, time: bigint): void {
  const nanoseconds = ((time % BILLION) + BILLION) % BILLION;
  const times = Buffer.alloc(32);
  for (const at of [0, 16]) {
    times.writeBigInt64LE((time - nanoseconds) / BILLION, at);
    times.writeBigInt64LE(nanoseconds, at + 8);
  }
  check(libc(UTIMENSAT)(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), `set the times of "${path}"`);
}
