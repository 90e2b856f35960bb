import { expect, test } from "vitest";
import { encodeAttributes, name, uint32 } from "./netlink.ts";

test("attributes are filled up to four bytes, and nest", () => {
  expect(encodeAttributes([[3, name("lo")]]).toString("hex")).toBe("07000300" + "6c6f0000");
  expect(encodeAttributes([[4, uint32(1500)]]).toString("hex")).toBe("08000400" + "dc050000");
  expect(encodeAttributes([[18, [[1, Uint8Array.of(7)]]]]).toString("hex")).toBe("0c001280" + "05000100" + "07000000");
});
