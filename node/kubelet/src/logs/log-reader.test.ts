import { appendFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LOG_BYTES, logFilesOf, rotateLog } from "./log-files.ts";
import { type LogOptions, readLog } from "./log-reader.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "logs-"));
  path = join(folder, "0.log");
});
afterEach(() => rmSync(folder, { recursive: true }));

const NOON = Date.UTC(2025, 0, 1, 12);
const line = (text: string, second = 0, more = "stdout F") =>
  `${new Date(NOON + second * 1000).toISOString().replace("Z", "000000+00:00")} ${more} ${text}\n`;
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => line(String(from + i), from + i)).join("");

async function read(more: Partial<LogOptions> = {}): Promise<string> {
  const options: LogOptions = {
    follow: false,
    timestamps: false,
    tailLines: undefined,
    limitBytes: undefined,
    since: undefined,
    stream: "",
    signal: new AbortController().signal,
    isRunning: () => false,
    ...more,
  };
  const pieces: Uint8Array[] = [];
  for await (const piece of readLog(path, options, realClock)) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test("a log is shown without its columns; a line that was written in pieces is one", async () => {
  writeFileSync(path, line("one") + line("half ", 0, "stdout P") + line("whole") + line("wrong", 0, "stderr F"));
  expect(await read()).toBe("one\nhalf whole\nwrong\n");
  expect(await read({ stream: "Stderr" })).toBe("wrong\n");
  expect(await read({ timestamps: true, tailLines: 1 })).toBe("2025-01-01T12:00:00.000000000Z wrong\n");
});

test("since, tail and limit cut it", async () => {
  writeFileSync(path, numbers(1, 20));
  expect(await read({ since: NOON + 19_000 })).toBe("19\n20\n");
  expect(await read({ tailLines: 2 })).toBe("19\n20\n");
  expect(await read({ tailLines: 0 })).toBe("");
  expect(await read({ limitBytes: 3 })).toBe("1\n2");
});

test("what is written while the tail is read does not belong to it", async () => {
  writeFileSync(path, numbers(1, 20));
  const isRunning = () => {
    appendFileSync(path, line("later"));
    return true;
  };
  expect(await read({ tailLines: 2, isRunning })).toBe("19\n20\n");
});

test("what was rotated belongs to it, also to its tail", async () => {
  writeFileSync(join(folder, "0.log.20250101-100000"), numbers(1, 3));
  writeFileSync(join(folder, "0.log.20250101-110000"), numbers(4, 6));
  writeFileSync(path, numbers(7, 8));
  expect(await read()).toBe("1\n2\n3\n4\n5\n6\n7\n8\n");
  for (const [tailLines, first] of [
    [2, 7],
    [3, 6],
    [5, 4],
    [6, 3],
    [8, 1],
    [50, 1],
  ] as const)
    expect((await read({ tailLines })).split("\n")[0]).toBe(String(first));
});

test("who follows loses nothing while the log is rotated, and ends with the container", async () => {
  writeFileSync(path, numbers(1, 2));
  let isRunning = true;
  const followed = read({ follow: true, isRunning: () => isRunning });
  await realClock.sleep(150);
  appendFileSync(path, numbers(3, 3));
  renameSync(path, `${path}.20250101-120000`);
  appendFileSync(`${path}.20250101-120000`, numbers(4, 4));
  await realClock.sleep(150);
  writeFileSync(path, numbers(5, 5));
  await realClock.sleep(250);
  appendFileSync(path, numbers(6, 6));
  isRunning = false;
  expect(await followed).toBe("1\n2\n3\n4\n5\n6\n");
});

test("a log is put aside once it is large, and five files are kept", async () => {
  writeFileSync(path, "x".repeat(LOG_BYTES - 1));
  const reopened: string[] = [];
  const rotate = (hour: number) =>
    rotateLog(path, NOON + hour * 3_600_000, async () => {
      reopened.push(readdirSync(folder).at(-1) ?? "");
      writeFileSync(path, "");
    });
  expect(await rotate(0)).toBe(false);
  for (let hour = 0; hour < 7; hour += 1) {
    appendFileSync(path, "x".repeat(LOG_BYTES));
    expect(await rotate(hour)).toBe(true);
  }
  expect(reopened).toHaveLength(7);
  expect((await logFilesOf(path)).map((file) => file.slice(folder.length + 1))).toEqual([
    "0.log.20250101-150000",
    "0.log.20250101-160000",
    "0.log.20250101-170000",
    "0.log.20250101-180000",
    "0.log",
  ]);
});

test("a log that its writer cannot begin anew stays where it is", async () => {
  writeFileSync(path, "x".repeat(LOG_BYTES));
  const fail = async () => Promise.reject(new Error("gone"));
  await expect(rotateLog(path, NOON, fail)).rejects.toThrow("gone");
  expect(readdirSync(folder)).toEqual(["0.log"]);
});
