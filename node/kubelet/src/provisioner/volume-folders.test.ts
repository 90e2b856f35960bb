import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { codeOf } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VolumeFolders } from "./volume-folders.ts";

let base: string;
let folders: VolumeFolders;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "volumes-"));
  folders = new VolumeFolders(join(base, "volumes"));
});
afterEach(() => rmSync(base, { recursive: true }));

test("a volume's folder is open to every uid, though not to users of the host; making it twice keeps what is in it", async () => {
  await folders.make("pvc-1");
  writeFileSync(join(folders.pathOf("pvc-1"), "file"), "kept");
  await folders.make("pvc-1");
  expect(statSync(folders.pathOf("pvc-1")).mode & 0o7777).toBe(0o777);
  expect(statSync(join(base, "volumes")).mode & 0o077).toBe(0);
  expect(existsSync(join(folders.pathOf("pvc-1"), "file"))).toBe(true);
});

test("removing takes what is in the folder, not what links in it lead to; a second time is no error", async () => {
  await folders.make("pvc-1");
  writeFileSync(join(base, "outside"), "kept");
  symlinkSync(base, join(folders.pathOf("pvc-1"), "link"));
  await folders.remove("pvc-1", folders.pathOf("pvc-1"));
  await folders.remove("pvc-1", folders.pathOf("pvc-1"));
  expect(existsSync(folders.pathOf("pvc-1"))).toBe(false);
  expect(existsSync(join(base, "outside"))).toBe(true);
});

test("a path that somebody wrote into a volume is never removed", async () => {
  await expect(folders.remove("pvc-1", base)).rejects.toSatisfy((error) => codeOf(error) === "refused");
  expect(existsSync(base)).toBe(true);
});
