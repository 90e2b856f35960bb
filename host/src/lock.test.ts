import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { acquireLock, lockHolder } from "./lock.ts";
import { run, startTimeOf } from "./processes.ts";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-lock-"));
  path = join(folder, "lock");
});
afterEach(() => rmSync(folder, { recursive: true }));

const holderOf = (result: ReturnType<typeof acquireLock>) => ("holder" in result ? result.holder : undefined);

test("a lock is held until it is released, and tells by whom", () => {
  const first = acquireLock(path, "bundle");
  expect(holderOf(first)).toBeUndefined();
  expect(holderOf(acquireLock(path, "other"))).toMatchObject({ pid: process.pid, note: "bundle" });
  if ("release" in first) first.release();
  expect(lockHolder(path)).toBeUndefined();
  expect(readdirSync(folder)).toEqual([]);
});

test("the lock of a dead process, or of one whose pid was given anew, is free", () => {
  for (const dead of [
    { pid: 2 ** 22 + 1, startTime: "1", note: "" },
    { pid: process.pid, startTime: `${startTimeOf(process.pid)}0`, note: "" },
  ]) {
    writeFileSync(path, JSON.stringify(dead));
    const taken = acquireLock(path, "");
    expect(holderOf(taken)).toBeUndefined();
    expect(lockHolder(path)?.pid).toBe(process.pid);
    if ("release" in taken) taken.release();
  }
});

test("of many that find a dead lock at once, one gets it", async () => {
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, startTime: "1", note: "" }));
  const module = JSON.stringify(join(import.meta.dirname, "lock.ts"));
  const script = `
    import { readdirSync, writeFileSync } from "node:fs";
    import { acquireLock } from ${module};
    const result = acquireLock(${JSON.stringify(path)}, "");
    process.stdout.write("release" in result ? "taken" : "held");
    writeFileSync(${JSON.stringify(folder)} + "/tried-" + process.pid, "");
    // the lock lives as long as its holder: until all have tried
    const tried = () => readdirSync(${JSON.stringify(folder)}).filter((name) => name.startsWith("tried-"));
    const timer = setInterval(() => tried().length === 6 && clearInterval(timer), 20);
  `;
  const racers = Array.from({ length: 6 }, () => run(process.execPath, ["--input-type=module", "-e", script]));
  const results = (await Promise.all(racers)).map(({ stdout }) => stdout).sort();
  expect(results).toEqual(["held", "held", "held", "held", "held", "taken"]);
});

test("who dies while removing a dead lock holds up nobody", () => {
  const dead = JSON.stringify({ pid: 2 ** 22 + 1, startTime: "1", note: "" });
  writeFileSync(path, dead);
  writeFileSync(`${path}.break`, dead);
  expect(holderOf(acquireLock(path, ""))).toBeUndefined();
});
