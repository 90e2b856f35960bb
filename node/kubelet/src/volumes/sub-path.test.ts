import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openBelow } from "./sub-path.ts";

let base: string;
let volume: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "subpath-"));
  volume = join(base, "volume");
  mkdirSync(volume);
});
afterEach(() => rmSync(base, { recursive: true }));

/** Where the descriptor leads, relative to the volume. */
function place(subPath: string): string {
  const found = openBelow(volume, subPath);
  const path = readlinkSync(`/proc/self/fd/${found}`);
  closeSync(found);
  return path.slice(volume.length);
}

test("a file or a folder of the volume is found, also through links that stay inside", () => {
  mkdirSync(join(volume, "..data-1"));
  writeFileSync(join(volume, "..data-1", "key"), "value");
  symlinkSync("..data-1", join(volume, "..data"));
  symlinkSync("..data/key", join(volume, "key"));
  expect(place("key")).toBe("/..data-1/key");
  expect(place("..data-1/")).toBe("/..data-1");
});

test("folders that are missing are made as open as the volume", () => {
  expect(statSync(volume).mode & 0o777).not.toBe(0o777);
  rmSync(volume, { recursive: true });
  mkdirSync(volume);
  const wanted = statSync(volume).mode;
  expect(place("a/./b//c")).toBe("/a/b/c");
  for (const path of ["a", "a/b", "a/b/c"]) expect(statSync(join(volume, path)).mode).toBe(wanted);
});

test.each(["../outside", "a/../../outside", "/etc"])("a path that is no path below is refused: %s", (subPath) => {
  expect(() => openBelow(volume, subPath)).toThrow(/must be relative and must not contain/);
});

test("links that lead out of the volume, or nowhere, are refused and nothing is made outside", () => {
  mkdirSync(join(base, "outside"));
  symlinkSync(join(base, "outside"), join(volume, "absolute"));
  symlinkSync("../outside", join(volume, "relative"));
  symlinkSync(join(base, "new"), join(volume, "dangling"));
  for (const name of ["absolute", "relative"]) {
    expect(() => openBelow(volume, name)).toThrow(/leads out of the volume/);
    expect(() => openBelow(volume, `${name}/made`)).toThrow(/leads out of the volume/);
  }
  expect(() => openBelow(volume, "dangling")).toThrow(/a link that leads nowhere/);
  expect(existsSync(join(base, "outside", "made")) || existsSync(join(base, "new"))).toBe(false);
});

test("whatever the path, what is opened lies in the volume and what is outside stays as it is", () => {
  mkdirSync(join(volume, "folder"));
  writeFileSync(join(volume, "file"), "");
  writeFileSync(join(base, "secret"), "kept");
  symlinkSync("..", join(volume, "folder", "up"));
  symlinkSync("../..", join(volume, "folder", "out"));
  symlinkSync("/", join(volume, "root"));
  const name = fc.constantFrom("folder", "file", "up", "out", "root", "..", ".", "", "new", "secret", "tmp");
  fc.assert(
    fc.property(fc.array(name, { maxLength: 6 }), (names) => {
      let found: number;
      try {
        found = openBelow(volume, names.join("/"));
      } catch {
        return;
      }
      const path = readlinkSync(`/proc/self/fd/${found}`);
      closeSync(found);
      expect(path === volume || path.startsWith(`${volume}/`)).toBe(true);
    }),
  );
  expect(readFileSync(join(base, "secret"), "utf8")).toBe("kept");
});
