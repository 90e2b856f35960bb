import { expect, test } from "vitest";
import { unifiedDiff, withStructDiff } from "./struct-diff.ts";

test("changed lines are shown with three lines around them", () => {
  const before = Array.from({ length: 12 }, (_, index) => `line ${index}`);
  const now = before.with(5, "other");
  expect(unifiedDiff(before, now)).toBe(
    "@@ -3,7 +3,7 @@\n line 2\n line 3\n line 4\n-line 5\n+other\n line 6\n line 7\n line 8\n",
  );
});

test("changes far from each other are hunks of their own, near ones share one", () => {
  const before = Array.from({ length: 30 }, (_, index) => `line ${index}`);
  expect(unifiedDiff(before, before.with(2, "a").with(25, "b")).match(/^@@/gm)).toHaveLength(2);
  expect(unifiedDiff(before, before.with(10, "a").with(14, "b")).match(/^@@/gm)).toHaveLength(1);
});

test("lines that only come or go leave the other side as it is", () => {
  expect(unifiedDiff(["a", "b"], ["a", "x", "b"])).toBe("@@ -1,2 +1,3 @@\n a\n+x\n b\n");
  expect(unifiedDiff(["a"], [])).toBe("@@ -1 +0,0 @@\n-a\n");
});

test("what is too long to compare is shown as replaced", () => {
  const [before, now] = ["a", "b"].map((name) => Array.from({ length: 1200 }, (_, index) => `${name}${index}`));
  const text = unifiedDiff(before!, now!);
  expect(text.startsWith("@@ -1,1200 +1,1200 @@\n-a0\n-a1\n")).toBe(true);
});

test("values are compared as indented JSON", () => {
  expect(withStructDiff("no", { a: 1, b: [1] }, { a: 2, b: [1] })).toContain(
    'no\n@@ -1,5 +1,5 @@\n {\n-  "a": 1,\n+  "a": 2,',
  );
});
