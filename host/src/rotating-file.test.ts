import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { RotatingFile } from "./rotating-file.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

test("a file that is full is set aside with the time; of those, the newest are kept and the old ones go", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-rotating-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  let now = Date.UTC(2025, 0, 1);
  const failures: unknown[] = [];
  const options = {
    maxBytes: 10,
    maxBackups: 2,
    maxAgeMs: 3 * DAY_MS,
    failed: (error: unknown) => failures.push(error),
  };
  const file = new RotatingFile({ path: join(folder, "audit.log"), now: () => now, ...options });
  for (let day = 1; day <= 4; day += 1) {
    file.write(`day ${day}..\n`);
    await file.close();
    now += DAY_MS;
  }
  expect(failures).toEqual([]);
  expect(readFileSync(join(folder, "audit.log"), "utf8")).toBe("day 4..\n");
  expect(readdirSync(folder).sort()).toEqual([
    "audit-2025-01-03T00-00-00.000.log",
    "audit-2025-01-04T00-00-00.000.log",
    "audit.log",
  ]);
});

test("a file goes on where it was, and tells what it could not write", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-rotating-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const failures: unknown[] = [];
  const options = {
    maxBytes: 10,
    maxBackups: 0,
    maxAgeMs: 0,
    now: () => 0,
    failed: (_error: unknown, lines: number) => failures.push(lines),
  };
  const first = new RotatingFile({ path: join(folder, "a.log"), ...options });
  first.write("one\n");
  await first.close();
  const second = new RotatingFile({ path: join(folder, "a.log"), ...options });
  second.write("two\n");
  second.write("three\n");
  await second.close();
  expect(readFileSync(join(folder, "a.log"), "utf8")).toBe("three\n");
  const nowhere = new RotatingFile({ path: join(folder, "a.log/inside.log"), ...options });
  nowhere.write("lost\n");
  await nowhere.close();
  expect(failures).toEqual([1]);
});

test("files that cannot be removed are told, and cost no line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-rotating-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "a-2020-01-01T00-00-00.000.log")); // is no file
  const failures: unknown[] = [];
  const options = { maxBytes: 10, maxBackups: 1, maxAgeMs: 0, now: () => Date.UTC(2025, 0, 1) };
  const file = new RotatingFile({
    path: join(folder, "a.log"),
    ...options,
    failed: (_error: unknown, lines: number) => failures.push(lines),
  });
  for (const line of ["0123456789\n", "second\n"]) file.write(line);
  await file.close();
  expect(readFileSync(join(folder, "a.log"), "utf8")).toBe("second\n");
  expect(failures).toEqual([0]);
});

test("many lines at once are written as fast as their bytes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-rotating-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const failures: unknown[] = [];
  const file = new RotatingFile({
    path: join(folder, "a.log"),
    ...{ maxBytes: 2 ** 30, maxBackups: 0, maxAgeMs: 0, now: () => 0 },
    failed: (error: unknown) => failures.push(error),
  });
  const line = `${"ä".repeat(200)}\n`;
  for (let count = 0; count < 50_000; count += 1) file.write(line);
  await file.close();
  expect([statSync(join(folder, "a.log")).size, failures]).toEqual([50_000 * 401, []]);
}, 5000);
