import { check, libc } from "./libc.ts";

const MKNOD = "int mknod(const char *path, unsigned int mode, unsigned long device)";
const FORMATS = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Makes a device node or a pipe with mode 0600. */
export function makeNode(path: string, kind: keyof typeof FORMATS, major = 0, minor = 0): void {
  const device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12); // makedev(3), below 2^32
  check(libc(MKNOD)(path, FORMATS[kind] | 0o600, device), `make node "${path}"`);
}
