import { expect, test } from "vitest";
import { canonicalMicroTime, canonicalTime } from "./timestamps.ts";

test.each([
  ["2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z"],
  ["2025-01-01T01:30:00+01:30", "2025-01-01T00:00:00Z"],
  ["2024-12-31T23:00:00.999-01:00", "2025-01-01T00:00:00Z"],
  ["2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"],
  ["0001-01-01T00:00:00Z", null],
])("%s is %s", (given, canonical) => {
  expect(canonicalTime(given)).toBe(canonical);
});

test.each([
  ["2025-02-29T00:00:00Z", 'parsing time "2025-02-29T00:00:00Z": day out of range'],
  ["2025-13-01T00:00:00Z", 'parsing time "2025-13-01T00:00:00Z": month out of range'],
  [
    "2025-01-01 00:00:00Z",
    'parsing time "2025-01-01 00:00:00Z" as "2006-01-02T15:04:05Z07:00": cannot parse " 00:00:00Z" as "T"',
  ],
  [
    "2025-01-01T00:00:00",
    'parsing time "2025-01-01T00:00:00" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"',
  ],
  ["2025-01-01T00:00:00Zx", 'parsing time "2025-01-01T00:00:00Zx": extra text: "x"'],
])("%s is refused as Go refuses it", (given, message) => {
  expect(() => canonicalTime(given)).toThrow(message);
});

test("micro times have exactly six decimals", () => {
  expect(canonicalMicroTime("2025-01-01T01:00:00.123456+01:00")).toBe("2025-01-01T00:00:00.123456Z");
  expect(canonicalMicroTime("2025-01-01T00:00:00.000001Z")).toBe("2025-01-01T00:00:00.000001Z");
  expect(canonicalMicroTime("2024-02-29T00:00:00.000000Z")).toBe("2024-02-29T00:00:00.000000Z");
  expect(canonicalMicroTime("0001-01-01T00:00:00.000000Z")).toBe(null);
  expect(canonicalMicroTime("0001-01-01T00:00:00.000001Z")).toBe("0001-01-01T00:00:00.000001Z");
  expect(() => canonicalMicroTime("2025-01-01T00:00:00Z")).toThrow('cannot parse "Z" as ".000000"');
});
