import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findSources } from "./copy-sources.ts";
import { DockerIgnore } from "./docker-ignore.ts";

test.each([
  ["*\n!src/**\n!package.json", ".", ["", "package.json", "src", "src/deep", "src/deep/b", "src/main"]],
  ["*\n!src/**\n!package.json", "src", ["", "deep", "deep/b", "main"]],
  ["*\n!src/deep", "s*", ["", "deep", "deep/b"]],
  ["lib", ".", ["", "package.json", "src", "src/deep", "src/deep/b", "src/main"]],
  ["*\n!**/b\nsrc", ".", ["", "lib", "lib/b"]],
])("of %j, COPY %s copies %j", async (rules, word, expected) => {
  const root = mkdtempSync(join(tmpdir(), "tsukube-sources-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const file of ["src/deep/b", "src/main", "lib/b", "package.json"]) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), "");
  }
  const ignore = new DockerIgnore(rules);
  const [source] = await findSources(
    root,
    [word],
    (path) => !ignore.ignores(path),
    () => !ignore.isFinal,
  );
  expect(source?.entries.map(({ path }) => path)).toEqual(expected);
  await expect(
    findSources(
      root,
      ["none"],
      () => false,
      () => true,
    ),
  ).rejects.toThrow('"none" is not there');
});
