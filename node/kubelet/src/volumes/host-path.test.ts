import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hostPath } from "./host-path.ts";

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "hostpath-"));
  mkdirSync(join(base, "folder"));
  writeFileSync(join(base, "file"), "kept");
});
afterEach(() => rmSync(base, { recursive: true }));

test("what may be made is made", async () => {
  for (const [name, type] of [
    ["a/b", ""],
    ["c", "DirectoryOrCreate"],
  ] as const) {
    await hostPath(join(base, name), type);
    expect(statSync(join(base, name)).isDirectory()).toBe(true);
  }
  await hostPath(join(base, "new"), "FileOrCreate");
  expect(statSync(join(base, "new")).isFile()).toBe(true);
});

test("what is there stays as it is", async () => {
  await hostPath(join(base, "file"), "FileOrCreate");
  expect(readFileSync(join(base, "file"), "utf8")).toBe("kept");
  expect(await hostPath(join(base, "folder"), "Directory")).toBe(join(base, "folder"));
});

test.each([
  ["file", "Directory", "a directory"],
  ["file", "DirectoryOrCreate", "a directory"],
  ["folder", "File", "a file"],
  ["folder", "FileOrCreate", "a file"],
  ["file", "Socket", "a socket file"],
  ["file", "CharDevice", "a character device"],
  ["file", "BlockDevice", "a block device"],
  ["missing", "Directory", "a directory"],
  ["missing", "File", "a file"],
])("%s is refused as %s", async (name, type, what) => {
  await expect(hostPath(join(base, name), type)).rejects.toThrow(`${join(base, name)} is not ${what}`);
  expect(existsSync(join(base, "missing"))).toBe(false);
});
