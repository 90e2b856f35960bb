import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readRecord, removeAbandoned, writeAtomically, writeRecord } from "./files.ts";
import { acquireLock } from "./lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-files-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("writeAtomically replaces content, sets the mode and leaves nothing beside the file", async () => {
  const path = join(folder, "key");
  await writeAtomically(path, "old");
  await writeAtomically(path, "new", { mode: 0o600 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["key"]);
});

test("what the dead left while they wrote is removed, but nothing that is new, of the living or somebody else's", async () => {
  const dead = 2 ** 22 + 1;
  const old = [`.key.${dead}.1.tmp`, `.other.${dead}.tmp`, `.key.${process.pid}.1.tmp`, "key.1.1.tmp", ".key.tmp"];
  for (const name of [...old, `.key.${dead}.2.tmp`]) writeFileSync(join(folder, name), "");
  for (const name of old) utimesSync(join(folder, name), 1, 1);
  await removeAbandoned(folder, "key");
  expect(readdirSync(folder).sort()).toEqual([...old.slice(1), `.key.${dead}.2.tmp`].sort());
  await removeAbandoned(folder);
  expect(readdirSync(folder).sort()).toEqual([...old.slice(2), `.key.${dead}.2.tmp`].sort());
  await removeAbandoned(join(folder, "none"));
});

test("a record comes back, is absent before, and a changed byte is reported", async () => {
  const path = join(folder, "sub/record");
  expect(await readRecord(path)).toBeUndefined();
  await writeRecord(path, { a: 1 });
  expect(await readRecord(path)).toEqual({ a: 1 });
  writeFileSync(path, '00000000 {"a":1}\n');
  await expect(readRecord(path)).rejects.toMatchObject({ code: "damaged" });
});

test("a lock has one live holder; a holder that died does not count", () => {
  const path = join(folder, "lock");
  const first = acquireLock(path, "one");
  expect("release" in first).toBe(true);
  expect(acquireLock(path, "two")).toMatchObject({ holder: { pid: process.pid, note: "one" } });
  writeFileSync(path, JSON.stringify({ pid: process.pid, startTime: "1", note: "a process before us" }));
  expect("release" in acquireLock(path, "three")).toBe(true);
});
