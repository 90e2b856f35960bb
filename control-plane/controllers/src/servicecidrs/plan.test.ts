import type { IPAddress, ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { expect, test } from "vitest";
import { heldBy } from "./plan.ts";

const range = (...cidrs: readonly string[]): ServiceCIDR => ({ spec: { cidrs } });
const address = (name: string, resource = "services"): IPAddress => ({
  metadata: { name },
  spec: { parentRef: { resource, name: "s" } },
});

test("a range is held by the addresses of Services that no other range has", () => {
  const addresses = [address("10.1.0.5"), address("10.1.0.200"), address("10.2.0.1"), address("10.1.0.6", "gateways")];
  expect(heldBy(range("10.1.0.0/24"), [range("10.2.0.0/24")], addresses)).toEqual(["10.1.0.5", "10.1.0.200"]);
  expect(heldBy(range("10.1.0.0/24"), [range("10.1.0.0/25")], addresses)).toEqual(["10.1.0.200"]);
  expect(heldBy(range("10.1.0.0/24"), [range("10.0.0.0/8")], addresses)).toEqual([]);
});

test("a range that goes as well holds nothing for others", () => {
  const going = { ...range("10.0.0.0/8"), metadata: { name: "g", deletionTimestamp: "2025-01-01T00:00:00Z" } };
  expect(heldBy(range("10.1.0.0/24"), [going], [address("10.1.0.5")])).toEqual(["10.1.0.5"]);
});

test("a range of two families is held by addresses of either", () => {
  const addresses = [address("10.1.0.5"), address("fd00::5"), address("fd01::5")];
  expect(heldBy(range("10.1.0.0/24", "fd00::/112"), [range("10.0.0.0/8")], addresses)).toEqual(["fd00::5"]);
});
