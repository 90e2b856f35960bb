import { seededRandom } from "@tsukube/testing";
import { describe, expect, test } from "vitest";
import { GoPattern, patternProblem } from "./go-pattern.ts";

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
  ["[\\x{41}-\\x21]", "invalid character class range: `\\x{41}-\\x21`"],
  ["[[:nope:]]", "invalid character class range: `[:nope:]`"],
  ["\\p{Nope}", "invalid character class range: `\\p{Nope}`"],
  ["\\x{110000}", "invalid escape sequence: `\\x{110000`"],
  ["(?:a{50}){50}", "invalid repeat count: `{50}`"],
  ["(?i)*", "missing argument to repetition operator: `*`"],
  ["a|*", "missing argument to repetition operator: `*`"],
  ["(?:(?:a{1000}b{1000}){1}){60}", "invalid repeat count: `{60}`"],
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

  test.each([
    [`${"(".repeat(1001)}${")".repeat(1001)}`, "expression nests too deeply"],
    ["[^a]{1000}".repeat(4000), "expression too large"],
  ])("of a pattern that is too much all is named: %#", (pattern, why) => {
    expect(patternProblem(pattern)).toBe(`${why}: \`${pattern}\``);
  });

  test.each(TAKEN)("%j is one", (pattern) => {
    expect(patternProblem(pattern)).toBeUndefined();
  });
});

/** Pattern, text, and what of it is found; undefined: nothing. */
const FOUND: readonly (readonly [string, string, string | undefined])[] = [
  ["", "abc", ""],
  ["b+", "abbbc", "bbb"],
  ["b+?", "abbbc", "b"],
  ["(?U)b+", "abbbc", "b"],
  ["a|ab", "ab", "a"],
  ["(?:a|ab)$", "ab", "ab"],
  ["^b", "ab", undefined],
  ["(?m)^b$", "a\nb\nc", "b"],
  ["^b$", "a\nb\nc", undefined],
  ["a.c", "a\nc", undefined],
  ["(?s)a.c", "a\nc", "a\nc"],
  ["(?i)straSSe", "STRASSE", "STRASSE"],
  ["(?i)[k]", "\u212a", "\u212a"],
  ["(?i)s", "\u017f", "\u017f"],
  ["(?i)\u0416", "\u0436", "\u0436"],
  ["a(?i)b(?-i)c", "aBc", "aBc"],
  ["a(?i)b(?-i)c", "aBC", undefined],
  ["(?i:a)b", "AB", undefined],
  ["\\bfoo\\b", "a foo b", "foo"],
  ["\\bfoo\\b", "afoo", undefined],
  ["\\Boo", "foo", "oo"],
  ["\\Qa.b\\E+", "a.bbb", "a.bbb"],
  ["[[:alpha:]]+[^[:^digit:]]", "ab1", "ab1"],
  ["[\\d\\-x]+", "a1-x", "1-x"],
  ["\\pL\\p{Greek}\\P{L}", "a\u03b11", "a\u03b11"],
  ["[\\p{Lu}\\pN]+", "aB1", "B1"],
  ["^.$", "\u{1f600}", "\u{1f600}"],
  ["[\u{1f600}-\u{1f64f}]", "x\u{1f601}", "\u{1f601}"],
  ["x{2,3}y", "xxxxy", "xxxy"],
  ["(?:ab?){2}", "aab", "aab"],
  ["(a*)*b", "aab", "aab"],
  ["(|a)+$", "aa", "aa"],
  ["\\101\\x42\\x{43}\\t", "ABC\t", "ABC\t"],
  ["\\A[a-c]+\\z", "abc", "abc"],
];

test.each(FOUND)("%j finds in %j %j", (pattern, text, wanted) => {
  const compiled = new GoPattern(pattern);
  expect(compiled.find(text)).toBe(wanted);
  expect(compiled.test(text)).toBe(wanted !== undefined);
});

test("all matches are found, none within another", () => {
  expect([...new GoPattern("[0-9]+").findAll("a1b22c")]).toEqual(["1", "22"]);
  expect([...new GoPattern("a*").findAll("baac")]).toEqual(["", "aa", ""]);
});

test("what both engines have they find alike", () => {
  const random = seededRandom(11);
  const below = (n: number): number => Math.floor(random.float() * n);
  const one = (of: readonly string[]): string => of[below(of.length)]!;
  const atoms = ["a", "b", ".", "[ab]", "[^a]", "\\d", "^", "$", "\\b", "1"];
  const pattern = (depth: number): string =>
    Array.from({ length: 1 + below(3) }, () => {
      const atom =
        depth > 0 && below(3) === 0
          ? `(?:${pattern(depth - 1)}${below(2) === 0 ? `|${pattern(depth - 1)}` : ""})`
          : one(atoms);
      return /^(?:\^|\$|\\b)$/.test(atom) ? atom : atom + one(["", "", "*", "+", "?", "{1,2}", "*?", "??"]);
    }).join("");
  for (let turn = 0; turn < 2000; turn += 1) {
    const source = pattern(2);
    const text = Array.from({ length: below(8) }, () => one(["a", "b", "1", " "])).join("");
    const theirs = new RegExp(source, "u").exec(text);
    const ours = new GoPattern(source);
    expect([source, text, ours.test(text)]).toEqual([source, text, theirs !== null]);
    // what is repeated and may be empty is left at different places
    if (theirs === null || /\)[*+?{]/.test(source)) continue;
    expect([source, text, ours.find(text)]).toEqual([source, text, theirs[0]]);
  }
});

test("no text and no pattern take more than their product, and that is bounded", () => {
  const text = `${"a".repeat(30_000)}!`;
  const hostile = [
    "^(a+)+$",
    "^(a|a)*$",
    "^(a|aa)+$",
    "(a*)*(a*)*b$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(?:a?){30}a{30}b",
  ];
  for (const source of hostile) expect(new GoPattern(source).test(text)).toBe(false);
  const long = "a".repeat(500_000);
  expect(() => new GoPattern("a.{0,500}b").test(long)).toThrow("too much work with a text of 500000 characters");
  expect(() => [...new GoPattern("a.*b|a").findAll(long.slice(0, 20_000))]).toThrow("too much work");
});
