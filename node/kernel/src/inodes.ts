import { check, libc } from "./libc.ts";

const MKNOD = "int mknod(const char *path, unsigned int mode, unsigned long device)";
const FORMATS = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Pure: the numbers in a device's `rdev`; makedev(3) undone. */
export function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  const value = BigInt(rdev);
  const major = ((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n);
  const minor = (value & 0xffn) | ((value >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}

/** Makes a device node or a pipe with mode 0600. */
export function makeNode(path: string, kind: keyof typeof FORMATS, major = 0, minor = 0): void {
  const device = (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12); // makedev(3), below 2^32
  check(libc(MKNOD)(path, FORMATS[kind] | 0o600, device), `make node "${path}"`);
}
