import { closeSync, writeSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { run } from "./programs.ts";
import { sealedCopy } from "./sealed-copies.ts";

test("a sealed copy of a program runs as that does and cannot be written", async () => {
  const copy = sealedCopy("/bin/echo") as number;
  onTestFinished(() => closeSync(copy));
  const path = `/proc/${process.pid}/fd/${copy}`;
  expect((await run(path, ["hello"])).stdout).toBe("hello\n");
  expect(() => writeSync(copy, "x", 0)).toThrow(/EPERM/);
});
