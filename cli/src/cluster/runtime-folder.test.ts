import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ensureRuntimeFolder } from "./runtime-folder.ts";

test("whoever made the folders before, everybody may pass through them", () => {
  const home = mkdtempSync(join(tmpdir(), "tsukube-runtime-"));
  const [all, runtime] = [join(home, "tsukube"), join(home, "tsukube", "name")];
  const modes = (): unknown => [all, runtime].map((path) => (statSync(path).mode & 0o777).toString(8));
  mkdirSync(runtime, { recursive: true });
  for (const path of [all, runtime]) chmodSync(path, 0o700);
  ensureRuntimeFolder({ runtime });
  expect(modes()).toEqual(["711", "711"]);
  rmSync(all, { recursive: true });
  ensureRuntimeFolder({ runtime });
  expect(modes()).toEqual(["711", "711"]);
  rmSync(home, { recursive: true });
});
