import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeAtomicVolume } from "./atomic-writer.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "atomic-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const random = seededRandom(1);
const write = (files: Readonly<Record<string, string>>, mode = 0o644) =>
  writeAtomicVolume(
    folder,
    new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }])),
    random,
  );
const shown = (path: string) => readFileSync(join(folder, path), "utf8");

test("files appear through links, with their modes, in folders where their paths ask for it", async () => {
  expect(await write({ a: "1", "deep/er/b": "2" }, 0o400)).toBe(true);
  expect([shown("a"), shown("deep/er/b")]).toEqual(["1", "2"]);
  expect(readlinkSync(join(folder, "a"))).toBe("..data/a");
  expect(statSync(join(folder, "deep/er/b")).mode & 0o777).toBe(0o400);
  expect(lstatSync(join(folder, "deep")).isSymbolicLink()).toBe(true);
});

test("the same content again changes nothing; another is there at once, and what is gone is gone", async () => {
  await write({ a: "1", b: "2" });
  const before = readlinkSync(join(folder, "..data"));
  expect(await write({ a: "1", b: "2" })).toBe(false);
  expect(readlinkSync(join(folder, "..data"))).toBe(before);
  expect(await write({ a: "3", c: "4" })).toBe(true);
  expect([shown("a"), shown("c")]).toEqual(["3", "4"]);
  expect(readdirSync(folder).filter((name) => !name.startsWith(".."))).toEqual(["a", "c"]);
  expect(readdirSync(folder)).not.toContain(before);
});

test("an empty volume is a volume, and becomes one with files", async () => {
  expect(await write({})).toBe(true);
  expect(readdirSync(join(folder, "..data"))).toEqual([]);
  await write({ late: "here" });
  expect(shown("late")).toBe("here");
});
