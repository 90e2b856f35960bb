import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";
import { expect, onTestFinished, test } from "vitest";
import { tellConmon } from "./conmon.ts";

test("a conmon that has ended is told nothing, and nobody waits for it", async () => {
  const bundle = mkdtempSync(join(tmpdir(), "tsukube-conmon-"));
  onTestFinished(() => rmSync(bundle, { recursive: true }));
  tellConmon(bundle, "1 2 3"); // it has not made its fifo
  await run("mkfifo", [join(bundle, "ctl")]);
  for (let time = 0; time < 5; time++) tellConmon(bundle, "1 2 3"); // as many as Node has threads, and one
  const reader = openSync(join(bundle, "ctl"), constants.O_RDONLY | constants.O_NONBLOCK);
  tellConmon(bundle, "1 24 80");
  const bytes = Buffer.alloc(100);
  expect(bytes.toString("utf8", 0, readSync(reader, bytes))).toBe("1 24 80\n");
  closeSync(reader);
});
