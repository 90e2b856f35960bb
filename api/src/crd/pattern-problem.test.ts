import { describe, expect, test } from "vitest";
import { patternProblem } from "./pattern-problem.ts";

const REFUSED: readonly (readonly [string, string])[] = [
  ["(", "missing closing ): `(`"],
  ["a)", "unexpected ): `a)`"],
  ["[a", "missing closing ]: `[a`"],
  ["a(?=b)", "invalid or unsupported Perl syntax: `(?=`"],
  ["(?z)", "invalid or unsupported Perl syntax: `(?z`"],
  ["(?<!a)b", "invalid named capture: `(?<!a)b`"],
  ["(a)\\1", "invalid escape sequence: `\\1`"],
  ["\\k", "invalid escape sequence: `\\k`"],
  ["a\\", "trailing backslash at end of expression: ``"],
  ["*a", "missing argument to repetition operator: `*`"],
  ["a++", "invalid nested repetition operator: `++`"],
  ["a{2,1}", "invalid repeat count: `{2,1}`"],
  ["a{1001}", "invalid repeat count: `{1001}`"],
  ["[z-a]", "invalid character class range: `z-a`"],
];

const TAKEN = [
  ...[
    "^a+?b*?$",
    "(?P<n>a)",
    "(?<n>a)(?i:b)[[:word:]]+",
    "(?i)abc*",
    "\\pZ\\d\\Q(\\E",
    "[]a-]",
    "[^]\\]]{2,}",
    "a|b*",
    "\\12\\x{10}",
  ],
  ...[
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    "^(?:(?:25[0-5]|2[0-4]\\d|[01]?\\d?\\d)(?:\\.|$)){4}",
    "{",
    "a{,2}",
    "x{1",
  ],
];

describe("patterns of schemas are for Go's engine", () => {
  test.each(REFUSED)("%j is refused in its words", (pattern, why) => {
    expect(patternProblem(pattern)).toBe(why);
  });

  test.each(TAKEN)("%j is one", (pattern) => {
    expect(patternProblem(pattern)).toBeUndefined();
  });
});
