import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LogWish, readLog } from "./log-file.ts";
import { nanosecondsIn } from "./time-in.ts";

let folder: string;
let path: string;
const line = (number: number, stream = "stdout", tag = "F"): string =>
  `2026-01-02T03:04:0${number}.000000001+00:00 ${stream} ${tag} line ${number}\n`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-log-"));
  path = join(folder, "log");
});
afterEach(() => rmSync(folder, { recursive: true }));

async function read(wish: LogWish): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { stream, content } of readLog(path, wish, realClock)) found.push(`${stream}: ${content}`);
  return found;
}

test("lines come with their streams; a part of a line has no newline", async () => {
  writeFileSync(path, line(1) + line(2, "stderr") + line(3, "stdout", "P"));
  expect(await read({})).toEqual(["stdout: line 1\n", "stderr: line 2\n", "stdout: line 3"]);
});

test("the last lines reach into rotated files; a line that is not whole yet is left for later", async () => {
  writeFileSync(path, line(1) + line(2));
  renameSync(path, `${path}.1`);
  writeFileSync(path, `${line(3)}2026-01-02T03:04:04`);
  expect(await read({ tail: 2 })).toEqual(["stdout: line 2\n", "stdout: line 3\n"]);
  expect(await read({ tail: 0 })).toEqual([]);
  expect(await read({})).toHaveLength(3);
});

test("times bound what is shown", async () => {
  writeFileSync(path, line(1) + line(2) + line(3));
  const at = (second: number): bigint => nanosecondsIn(`2026-01-02T03:04:0${second}Z`) ?? 0n;
  expect(await read({ since: at(2), until: at(2) + 500_000_000n })).toEqual(["stdout: line 2\n"]);
  const whole = (await read({})).slice(1);
  expect(await read({ since: at(2) + 1n })).toEqual(whole); // which is when it was written
  expect([await read({ since: at(2) + 2n }), await read({ until: at(2) })]).toEqual([
    whole.slice(1),
    ["stdout: line 1\n"],
  ]);
  const seconds = `${Date.parse("2026-01-02T03:04:02Z") / 1000}.000000001`;
  expect(await read({ since: nanosecondsIn(seconds) ?? 0n })).toEqual(whole);
});

test("a follower sees what is added, and ends after the last line of a container that ended", async () => {
  writeFileSync(path, line(1));
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const { signal } = new AbortController();
  const following = read({ tail: 1, follow: { ended, signal } });
  await realClock.sleep(20);
  appendFileSync(path, line(2));
  await realClock.sleep(20);
  appendFileSync(path, line(3));
  end();
  expect(await following).toEqual(["stdout: line 1\n", "stdout: line 2\n", "stdout: line 3\n"]);
});

test("a follower misses no line of rotations that are faster than it", async () => {
  writeFileSync(path, line(1));
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const { signal } = new AbortController();
  const seen: string[] = [];
  for await (const { content } of readLog(path, { follow: { ended, signal } }, realClock)) {
    seen.push(content.toString().slice(-2, -1));
    if (seen.length === 1) {
      for (const [number, added] of [line(2), line(3) + line(4) + line(5), line(6)].entries()) {
        appendFileSync(path, added);
        if (number > 0) renameSync(`${path}.1`, `${path}.2`); // the file that is read goes at the third
        renameSync(path, `${path}.1`);
        writeFileSync(path, "");
      }
      writeFileSync(path, line(7) + line(8));
    }
    if (seen.length === 8) {
      renameSync(path, `${path}.1`);
      writeFileSync(path, line(9) + line(9) + line(9));
      end();
    }
  }
  expect(seen.join("")).toBe("12345678999");
});
