import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseEnvFile, valueFromFile } from "./environment-files.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "env-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("values stand in single quotes, may span lines, and nothing in them means anything else", () => {
  const text = "# comment\n\nA='1'\nB='two\nlines'\nC='$A \"q\" #' # why\n";
  expect([...parseEnvFile(text)]).toEqual([
    ["A", "1"],
    ["B", "two\nlines"],
    ["C", '$A "q" #'],
  ]);
});

test.each(["A=1", "A ='1'", "A='1' B='2'", "A='1"])("%s is not of the form", (text) => {
  expect(() => parseEnvFile(text)).toThrow(/line 1 of the env file/);
});

test("a key of a file is a value; what is missing is an error unless it is optional", async () => {
  writeFileSync(join(folder, "vars"), "A='1'\n");
  const from = (path: string, key: string, optional = false) =>
    valueFromFile({ volumeName: "v", path, key, optional }, folder);
  expect(await from("vars", "A")).toBe("1");
  await expect(from("vars", "B")).rejects.toThrow('environment variable key "B" not found in file "vars"');
  await expect(from("nothing", "A")).rejects.toThrow("cannot be read");
  expect([await from("vars", "B", true), await from("nothing", "A", true)]).toEqual([undefined, undefined]);
  await expect(from("../vars", "A")).rejects.toThrow("leaves the volume");
});
