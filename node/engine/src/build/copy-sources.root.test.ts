import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setAttribute } from "@tsukube/kernel";
import { expect, onTestFinished, test } from "vitest";
import { digestSources, findSources } from "./copy-sources.ts";

test.skipIf(process.getuid?.() !== 0)("what COPY copies differs when a program gets another capability", async () => {
  const root = mkdtempSync(join(tmpdir(), "tsukube-sources-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const program = join(root, "program");
  writeFileSync(program, "");
  const digest = async () => (await digestSources(await findSources(root, ["program"]), false)).get("program");
  const seen = [await digest()];
  for (const permitted of ["0004", "2000"]) {
    setAttribute(program, "security.capability", Buffer.from(`01000002${permitted}${"0".repeat(28)}`, "hex"));
    seen.push(await digest());
  }
  expect(new Set(seen).size).toBe(3);
  expect(await digest()).toBe(seen[2]);
});
