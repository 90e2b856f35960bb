import { expect, test } from "vitest";
import { formatDuration, parseDuration } from "./duration.ts";
import { intValue, scaledValue } from "./int-or-string.ts";
import { canonicalQuantity, quantityMilliValue, quantityValue } from "./quantity.ts";

test.each([
  ["1000m", "1"],
  ["1024Mi", "1Gi"],
  ["0.5", "500m"],
  ["1e3", "1e3"],
  ["1E", "1E"],
  ["100k", "100k"],
  ["1500", "1500"],
  ["1536Ki", "1536Ki"],
  ["0.5Ki", "512"],
  ["1.5Gi", "1536Mi"],
  ["-1", "-1"],
  ["0.0000000001", "1n"],
  ["0Gi", "0"],
  ["010", "10"],
])("%s is %s", (given, canonical) => {
  expect(canonicalQuantity(given)).toBe(canonical);
});

test.each(["", "1x", "1kk", ".", "Ki", "1 Gi", "--1"])("%j is no quantity", (text) => {
  expect(() => canonicalQuantity(text)).toThrow(/quantit/);
});

test("values round up", () => {
  expect([quantityValue("100m"), quantityMilliValue("0.5"), quantityValue("1Ki")]).toEqual([1, 500, 1024]);
});

test.each(["1h2m3s", "1.5s", "100ms", "0s", "1µs", "-2m0s"])("duration %s prints as it reads", (text) => {
  expect(formatDuration(parseDuration(text))).toBe(text);
});

test("percentages scale", () => {
  expect([scaledValue("25%", 10, true), scaledValue("25%", 10, false), scaledValue(3, 10, true)]).toEqual([3, 2, 3]);
  expect(() => scaledValue("x", 1, true)).toThrow("string is not a percentage");
  expect([intValue("12"), intValue("x")]).toEqual([12, 0]);
});
