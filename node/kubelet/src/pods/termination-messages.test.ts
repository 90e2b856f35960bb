import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { placesOf } from "./pod-places.ts";
import { runtimeContainer } from "./runtime-under-test.ts";
import { lastLines, TerminationMessages } from "./termination-messages.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "messages-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function message(exitCode: number, policy: string, written: string, log: string): Promise<string> {
  const pod = { metadata: { uid: "u" }, spec: { containers: [{ name: "app", terminationMessagePolicy: policy }] } };
  const places = placesOf(pod, { rootDirectory: folder, podLogsDirectory: folder, cgroupRoot: "/kubepods" });
  mkdirSync(join(places.message("app", 0), ".."), { recursive: true });
  writeFileSync(places.message("app", 0), written);
  writeFileSync(join(folder, "log"), log);
  const ended = runtimeContainer("app", { state: "exited", exitCode, logPath: join(folder, "log") });
  const messages = new TerminationMessages();
  await messages.read(pod, [ended], places);
  return messages.of(ended);
}

const line = (text: string, tag = "F") => `2025-01-01T00:00:00.000000000Z stdout ${tag} ${text}\n`;

test.each([
  [0, "FallbackToLogsOnError", "DONE", "DONE"],
  [1, "FallbackToLogsOnError", "DONE", "DONE"],
  [0, "FallbackToLogsOnError", "", ""],
  [1, "FallbackToLogsOnError", "", "one\ntwo\n"],
  [1, "File", "", ""],
])("exit code %i, policy %s, file %j: %j", async (code, policy, written, expected) => {
  expect(await message(code, policy, written, line("one") + line("two"))).toBe(expected);
});

test("a message is cut at 4096 bytes, a log at its last 80 lines and 2048 bytes", async () => {
  expect(await message(1, "File", "x".repeat(9000), "")).toBe("x".repeat(4096));
  const many = Array.from({ length: 200 }, (_, i) => line(String(i))).join("");
  expect((await message(1, "FallbackToLogsOnError", "", many)).split("\n").slice(0, 2)).toEqual(["120", "121"]);
  const long = Array.from({ length: 50 }, () => line("y".repeat(100))).join("");
  expect(await message(1, "FallbackToLogsOnError", "", long)).toHaveLength(2048);
});

test("a line that was written in pieces is one", () => {
  expect(lastLines(line("half ", "P") + line("whole"), 100)).toBe("half whole\n");
});
