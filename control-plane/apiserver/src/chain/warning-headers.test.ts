import { expect, test } from "vitest";
import { warningHeaders } from "./warning-headers.ts";

const header = (text: string): string => `299 - "${text}"`;
const long = (letter: string): string => letter.repeat(1000);
const cut = (letter: string): string => header(letter.repeat(256));

test.each<[string, string[], string[]]>([
  ["are told whole while they are few", ["a", long("b"), 'say "\\"'], ["a", long("b"), 'say \\"\\\\\\"'].map(header)],
  ["are cut where they are too many", [..."abcde"].map(long), [..."abcde"].map(cut)],
  ["that no header can hold are left out", ["", "a\nb", "a\u0085", "é"], [header("é")]],
  ["are counted by characters", ["😀".repeat(4096)], [header("😀".repeat(4096))]],
])("warnings %s", (_, texts, headers) => {
  expect(warningHeaders(texts)).toEqual(headers);
});

test("cut warnings are added until they are as many again", () => {
  const many = Array.from({ length: 1000 }, (_, index) => `${index}`.padStart(500, "."));
  const headers = warningHeaders(many);
  expect(headers).toHaveLength(16);
  expect(new Set(headers.map((one) => one.length))).toEqual(new Set([256 + header("").length]));
  const short = Array.from({ length: 5000 }, () => "a");
  expect(warningHeaders(short)).toHaveLength(4097);
});
