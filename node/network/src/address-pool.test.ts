import { expect, test } from "vitest";
import { freeAddress, freeSubnet } from "./address-pool.ts";

test("a subnet is the first of the pools that overlaps nothing in use", () => {
  expect(freeSubnet([])).toBe("172.17.0.0/16");
  expect(freeSubnet(["172.17.5.0/24", "172.18.0.0/15", "default"])).toBe("172.20.0.0/16");
  expect(() => freeSubnet(["0.0.0.0/0"])).toThrow("expected --subnet");
});

test("addresses are given in turn, without network, broadcast and used ones", () => {
  const used = new Set(["10.0.0.1"]);
  expect(freeAddress({ subnet: "10.0.0.0/29", used })).toBe("10.0.0.2");
  expect(freeAddress({ subnet: "10.0.0.0/29", used, last: "10.0.0.5" })).toBe("10.0.0.6");
  expect(freeAddress({ subnet: "10.0.0.0/29", used, last: "10.0.0.6" })).toBe("10.0.0.2");
  expect(freeAddress({ subnet: "10.0.0.0/24", range: "10.0.0.128/25", used })).toBe("10.0.0.128");
  const all = new Set(["10.0.0.1", "10.0.0.2"]);
  expect(() => freeAddress({ subnet: "10.0.0.0/30", used: all })).toThrow("in use");
});
