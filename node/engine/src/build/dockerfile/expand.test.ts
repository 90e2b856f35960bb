import { expect, test } from "vitest";
import { expandText, expandWord } from "./expand.ts";

const values: Readonly<Record<string, string>> = { a: "foo", e: "", p: "/usr/local/lib.tar.gz" };
const lookup = (name: string): string | undefined => values[name];

test.each([
  ["$a", "foo"],
  ["${a}bar", "foobar"],
  ["$abar", ""],
  ["\\$a", "$a"],
  ["'$a'", "$a"],
  ['"$a \\" \\x"', 'foo " \\x'],
  ["a\\ b", "a b"],
  ["${none:-x$a}", "xfoo"],
  ["${e:-x}|${e-x}", "x|"],
  ["${a:+x}|${none:+x}|${e+x}", "x||x"],
  ["${none:-${a}}", "foo"],
  ["${p#*/}|${p##*/}", "usr/local/lib.tar.gz|lib.tar.gz"],
  ["${p%.*}|${p%%.*}", "/usr/local/lib.tar|/usr/local/lib"],
  ["${p/local/share}|${a//o/0}", "/usr/share/lib.tar.gz|f00"],
  ["$", "$"],
  ["$ a", "$ a"],
])("%s becomes %s", (word, wanted) => {
  expect(expandWord(word, lookup)).toBe(wanted);
});

test.each([
  ["${none:?set it}", "none: set it"],
  ["'a", "open single quote"],
  ['"a', "open double quote"],
  ["${a", "modifier"],
  ["${a:x}", 'unknown modifier ":x"'],
  ["${}", "without the name"],
])("%s is refused", (word, problem) => {
  expect(() => expandWord(word, lookup)).toThrow(problem);
});

test("a here-document keeps its quotes", () => {
  expect(expandText("'$a' \"${a}\" \\$a \\n", lookup)).toBe("'foo' \"foo\" $a \\n");
});
