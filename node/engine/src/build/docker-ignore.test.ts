import { expect, test } from "vitest";
import { DockerIgnore } from "./docker-ignore.ts";

test.each([
  ["node_modules", "node_modules/a/b", true],
  ["node_modules", "src/node_modules", false],
  ["**/node_modules", "src/deep/node_modules/x", true],
  ["*.md", "README.md", true],
  ["*.md", "docs/README.md", false],
  ["docs/*.md", "docs/README.md", true],
  ["a?c", "abc", true],
  ["a[b-d]c", "acc", true],
  ["a[^b]c", "abc", false],
  ["/a/", "a/x", true],
  ["./a", "a", true],
  ["a/../b", "b", true],
  ["# a", "# a", false],
  ["*\n!keep", "keep", false],
  ["*\n!keep", "other", true],
  ["dir\n!dir/keep", "dir/keep", false],
  ["dir\n!dir/keep", "dir/other", true],
  ["!keep\n*", "keep", true],
  ["**", "any/thing", true],
  ["a/**/z", "a/z", true],
])("%j and %s", (rules, path, ignored) => {
  expect(new DockerIgnore(rules).ignores(path)).toBe(ignored);
});
