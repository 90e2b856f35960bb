import { withoutEnd } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { hasFormat } from "./crd/formats.ts";
import { parseDuration } from "./duration.ts";
import { parseQuantity } from "./quantity.ts";
import { withoutZeros } from "./validation/names.ts";
import { pathWarnings } from "./warnings/volume-paths.ts";

/** As long as an object may be: what looks from every character to the end takes hours. */
const LONG = 1_500_000;
const long = (text: string, end = ""): string => text.repeat(LONG / text.length) + end;

const thrown = (work: () => unknown): string => {
  try {
    return String(work());
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 60) : String(error);
  }
};

test.each<[string, () => unknown, unknown]>([
  ["quantities", () => thrown(() => parseQuantity(long("0", "!"))), expect.stringMatching("must match the regular")],
  ["quantities of digits", () => thrown(() => parseQuantity(long("9"))), expect.stringMatching("numeric part")],
  [
    "quantities of letters",
    () => thrown(() => parseQuantity(`1${long("E", "!")}`)),
    expect.stringMatching("must match"),
  ],
  ["durations", () => thrown(() => parseDuration(long("0.0000000000s"))), expect.stringMatching("invalid duration")],
  ["formats: duration, digits", () => hasFormat(long("0", "!"), "duration"), false],
  ["formats: duration, spaces", () => hasFormat(`1${long(" ", "!")}`, "duration"), false],
  ["addresses of zeros", () => withoutZeros(long("0", "!")), long("0", "!")],
  ["base64 of ends", () => withoutEnd(long("=", "x"), "="), long("=", "x")],
])("a long text is looked at once: %s", (_, work, result) => {
  expect(work()).toEqual(result);
});

test.each([
  ["0", "0"],
  ["00", "0"],
  ["000", "0"],
  ["007", "7"],
  ["010.00.1.000", "10.0.1.0"],
  ["::00ff", "::00ff"],
  ["1.2.3.4/024", "1.2.3.4/24"],
  ["0x1", "0x1"],
])("zeros before the number go: %s is %s", (text, plain) => {
  expect(withoutZeros(text)).toBe(plain);
});

const volume = (...paths: string[]) => ({
  name: "v",
  secret: { secretName: "s", items: paths.map((path) => ({ key: "k", path })) },
});
const told = (...paths: string[]): string[] =>
  pathWarnings([volume(...paths)]).map((text) => text.replace('volume "v" (Secret "s"): overlapping paths: ', ""));

test("files of a volume that hide each other are told in order, and not more of them than anybody reads", () => {
  expect(told("a/b", "c", "a", "a/b/c/", "ab", "c/")).toEqual([
    '"a" with "a/b"',
    '"a/b/c" with "a/b"',
    '"a/b/c" with "a"',
    '"c" with "c"',
  ]);
  const many = Array.from({ length: 50_000 }, (_, index) => `f${index}`);
  expect(told(...many)).toEqual([]);
  expect(told(...many.map(() => "same"))).toHaveLength(500);
  expect(told(long("/"), "a")).toEqual([]);
});
