import { expect, test } from "vitest";
import { parseFieldSelector } from "./index.ts";

const pod: Record<string, string> = { "metadata.name": "p", "status.phase": "Running", "spec.nodeName": "" };
const read = (field: string): string => pod[field] ?? "";

test.each([
  ["", true],
  ["metadata.name=p", true],
  ["metadata.name==p,status.phase!=Failed", true],
  ["spec.nodeName=", true],
  ["spec.nodeName!=", false],
])("%j matches: %s", (text, expected) => {
  expect(parseFieldSelector(text).matches(read)).toBe(expected);
});

test("escapes survive printing", () => {
  const selector = parseFieldSelector("a=b\\,c\\=d\\\\e");
  expect(selector.exactValue("a")).toBe("b,c=d\\e");
  expect(parseFieldSelector(selector.toString()).exactValue("a")).toBe("b,c=d\\e");
});

test("malformed text and unknown fields are refused as upstream words it", () => {
  expect(() => parseFieldSelector("abc")).toThrow("invalid selector: 'abc'; can't understand 'abc'");
  expect(() => parseFieldSelector("a=b=c")).toThrow("invalid field selector: unescaped character in value: 61");
  expect(() => parseFieldSelector("spec.x=1", ["metadata.name", "metadata.namespace"])).toThrow(
    '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
  );
});
