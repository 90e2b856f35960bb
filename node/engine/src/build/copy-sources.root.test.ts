import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setAttribute } from "@tsukube/kernel";
import { expect, onTestFinished, test } from "vitest";
import { copySources } from "./copy-files.ts";
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

test.each([
  ["a folder", (root: string, outside: string) => swap(join(root, "in/deep"), outside)],
  ["a file", (root: string, outside: string) => swap(join(root, "in/deep/file"), join(outside, "file"))],
  ["the folder that is copied", (root: string, outside: string) => swap(join(root, "in"), join(outside, ".."))],
])("nothing from outside is copied where a link takes the place of %s meanwhile", async (_, change) => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-sources-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const place of ["root/in/deep", "out/deep", "target"]) mkdirSync(join(folder, place), { recursive: true });
  writeFileSync(join(folder, "root/in/deep/file"), "inside");
  writeFileSync(join(folder, "out/deep/file"), "secret");
  const sources = await findSources(join(folder, "root"), ["in"]);
  change(join(folder, "root"), join(folder, "out/deep"));
  await expect(digestSources(sources, false)).rejects.toMatchObject({ code: "changed" });
  const copied = copySources(sources, join(folder, "target"), "/", { parents: false });
  await expect(copied).rejects.toMatchObject({ code: "changed" });
  expect(existsSync(join(folder, "target/deep/file"))).toBe(false);
});

function swap(place: string, target: string): void {
  rmSync(place, { recursive: true });
  symlinkSync(target, place);
}
