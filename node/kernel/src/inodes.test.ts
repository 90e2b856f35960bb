import { expect, test } from "vitest";
import { deviceNumbers } from "./inodes.ts";

test("device numbers are taken apart", () => {
  expect(deviceNumbers(0x0103)).toEqual({ major: 1, minor: 3 });
  expect(deviceNumbers(0xfc00)).toEqual({ major: 252, minor: 0 });
  expect(deviceNumbers(0x100_0801)).toEqual({ major: 8, minor: 4097 });
});
