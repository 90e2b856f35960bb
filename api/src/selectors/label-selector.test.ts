import { expect, test } from "vitest";
import { everything, labelMatcherOf, nothing, parseLabelSelector } from "./index.ts";

const labels = { app: "web", tier: "front", rank: "7", empty: "" };

test.each([
  ["", true],
  ["app=web", true],
  ["app==web,tier!=back", true],
  ["app!=web", false],
  ["absent!=x", true],
  ["app in (web, db)", true],
  ["app notin (web,db)", false],
  ["absent notin (a)", true],
  ["app", true],
  ["!app", false],
  ["!absent , tier", true],
  ["rank>6", true],
  ["rank<7", false],
  ["app>1", false],
  ["empty=", true],
  ["empty in ()", true],
  ["empty=,app=web", true],
  ["in=in", false],
  [" app = web ", true],
])("%j matches: %s", (text, expected) => {
  if (text === "in=in") return expect(() => parseLabelSelector(text)).toThrow(/found 'in'/);
  expect(parseLabelSelector(text).matches(labels)).toBe(expected);
});

test.each([
  ["a=b=c", "found '=', expected: ',' or 'end of string'"],
  ["a,", "found '', expected: identifier after ','"],
  [",a", "found ',', expected: !, identifier, or 'end of string'"],
  ["a in b", "unable to parse requirement: found 'b' expected: '('"],
  ["a in (b", "unable to parse requirement: found '', expected: ',' or ')'"],
  ["a in (b in c)", "unable to parse requirement: found 'in', expected: ',' or ')'"],
  ["a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"],
  ["a in (!", "unable to parse requirement: found '!', expected: ',', or identifier"],
  ["a/b/c", /^unable to parse requirement: <nil>: Invalid value: "a\/b\/c": a valid label key must consist/],
  ["a=-", /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-": a valid label must be/],
  ["a>b", /the value must be an integer$/],
])("%j is refused", (text, message) => {
  expect(() => parseLabelSelector(text)).toThrow(message);
});

test("prints what it parsed, sorted by key", () => {
  expect(parseLabelSelector("z,b in (y,x),!c,a=1,d notin (q)").toString()).toBe("a=1,b in (x,y),!c,d notin (q),z");
});

test("an absent LabelSelector selects nothing and an empty one everything", () => {
  expect(labelMatcherOf(undefined)).toBe(nothing);
  expect(labelMatcherOf({})).toBe(everything);
  expect(nothing.matches(labels)).toBe(false);
});

test("matchLabels and matchExpressions must all hold", () => {
  const selector = labelMatcherOf({
    matchLabels: { app: "web" },
    matchExpressions: [
      { key: "tier", operator: "In", values: ["front", "mid"] },
      { key: "gone", operator: "DoesNotExist" },
    ],
  });
  expect(selector.matches(labels)).toBe(true);
  expect(selector.matches({ app: "web" })).toBe(false);
  expect(selector.toString()).toBe("app=web,!gone,tier in (front,mid)");
});

test("random text either parses to a selector that prints and reparses equal, or is a 400", () => {
  const alphabet = ["a", "b.c/d", "in", "notin", "=", "!=", "==", "!", "(", ")", ",", " ", ">", "<", "5", "-", "é"];
  let seed = 7;
  const next = (): number => (seed = (seed * 1103515245 + 12345) % 2147483648);
  let parsed = 0;
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: next() % 9 }, () => alphabet[next() % alphabet.length]).join("");
    try {
      const selector = parseLabelSelector(text);
      expect(parseLabelSelector(selector.toString()).toString()).toBe(selector.toString());
      parsed++;
    } catch (error) {
      expect((error as { httpCode?: number }).httpCode, text).toBe(400);
    }
  }
  expect(parsed).toBeGreaterThan(300);
});
