import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "@tsukube/host";
import { expect, onTestFinished, test } from "vitest";
import { textWithin } from "./text-within.ts";

test("a file of an image is read within the image, and nothing that is none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-text-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const root = join(folder, "root");
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(join(folder, "secret"), "the host's");
  writeFileSync(join(root, "etc/real"), "root:x:0:0");
  symlinkSync("/etc/real", join(root, "etc/passwd"));
  symlinkSync(join(folder, "secret"), join(root, "etc/out"));
  symlinkSync("../../secret", join(root, "etc/up"));
  symlinkSync("/dev/zero", join(root, "etc/zero"));
  await run("mkfifo", [join(root, "etc/pipe")]);
  expect(await textWithin(root, "/etc/passwd")).toBe("root:x:0:0");
  for (const name of ["out", "up", "zero", "pipe", "none", "."])
    expect(await textWithin(root, `/etc/${name}`)).toBeUndefined();
  expect(await textWithin(root, "/etc/passwd", 5)).toBeUndefined();
});
