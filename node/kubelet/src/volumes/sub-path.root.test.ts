import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { removeMounted, systemMounts } from "@tsukube/kernel";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bindSubPath } from "./sub-path.ts";

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)("parts of volumes (needs root)", () => {
  let base: string;
  let volume: string;
  let target: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "subpath-root-"));
    volume = join(base, "volume");
    mkdirSync(volume);
    target = join(base, "pod", "volume-subpaths", "v", "main", "0");
  });
  afterEach(async () => {
    await removeMounted(join(base, "pod"), systemMounts);
    expect(systemMounts.below(base)).toEqual([]);
    rmSync(base, { recursive: true });
  });

  test("a folder is shown both ways, and outlives the pod's folder", async () => {
    await bindSubPath(volume, "a/b", target, systemMounts);
    writeFileSync(join(target, "file"), "written");
    expect(readFileSync(join(volume, "a/b/file"), "utf8")).toBe("written");
    await removeMounted(join(base, "pod"), systemMounts);
    expect(existsSync(target)).toBe(false);
    expect(readFileSync(join(volume, "a/b/file"), "utf8")).toBe("written");
  });

  test("a file is shown, and a restart of the container shows what is there then", async () => {
    writeFileSync(join(volume, "key"), "one");
    await bindSubPath(volume, "key", target, systemMounts);
    expect(readFileSync(target, "utf8")).toBe("one");
    rmSync(join(volume, "key"));
    writeFileSync(join(volume, "key"), "two");
    expect(readFileSync(target, "utf8")).toBe("one");
    await bindSubPath(volume, "key", target, systemMounts);
    expect(readFileSync(target, "utf8")).toBe("two");
    expect(systemMounts.below(target)).toEqual([target]);
    rmSync(join(volume, "key"));
    mkdirSync(join(volume, "key"));
    await bindSubPath(volume, "key", target, systemMounts);
    expect(systemMounts.below(target)).toEqual([target]);
  });
});
