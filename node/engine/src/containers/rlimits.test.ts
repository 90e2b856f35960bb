import { expect, test } from "vitest";
import { ociJson, rlimitOf } from "./rlimits.ts";

test("no limit is the greatest number of 64 bits, also after the runtime's file was read again", () => {
  const written = ociJson({ rlimits: [rlimitOf({ Name: "memlock", Soft: 100, Hard: -1 }, true)] });
  expect(written).toBe('{"rlimits":[{"type":"RLIMIT_MEMLOCK","soft":100,"hard":18446744073709551615}]}');
  expect(ociJson(JSON.parse(written) as object)).toBe(written);
});
