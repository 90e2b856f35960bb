import { check, libc } from "./libc.ts";

const LSETXATTR =
  "int lsetxattr(const char *path, const char *name, const uint8_t *value, unsigned long size, int flags)";
const MKNOD = "int mknod(const char *path, unsigned int mode, unsigned long device)";
const FORMATS = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Sets an extended attribute, of the link itself where `path` is one. @throws with the errno's name as `code`. */
export function setAttribute(path: string, name: string, value: Uint8Array): void {
  check(libc(LSETXATTR)(path, name, value, value.length, 0), `set attribute ${name} of "${path}"`);
}

/** Makes a device node or a pipe with mode 0600. */
export function makeNode(path: string, kind: keyof typeof FORMATS, major = 0, minor = 0): void {
  const device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12); // makedev(3), below 2^32
  check(libc(MKNOD)(path, FORMATS[kind] | 0o600, device), `make node "${path}"`);
}
