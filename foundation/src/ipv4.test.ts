import { expect, test } from "vitest";
import { contains, formatAddress, overlap, parseAddress, parseNetwork } from "./ipv4.ts";

test("an address is a number that is shown as it was written", () => {
  for (const address of ["0.0.0.0", "10.64.0.1", "192.168.255.254", "255.255.255.255"])
    expect(formatAddress(parseAddress(address)!)).toBe(address);
});

test.each(["", "10.0.0", "10.0.0.256", "::1", "10.0.0.1/24", "a.b.c.d"])("%j is no address", (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

test.each(["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "fd00::/64"])("%j is no network", (text) => {
  expect(parseNetwork(text)).toBeUndefined();
});

test("a network begins where its host part is zero", () => {
  const network = parseNetwork("10.1.2.3/16")!;
  expect([formatAddress(network.base), network.size]).toEqual(["10.1.0.0", 65536]);
  expect(contains(network, parseAddress("10.1.255.255")!)).toBe(true);
  expect(contains(network, parseAddress("10.2.0.0")!)).toBe(false);
});

test("networks overlap when one lies in the other", () => {
  const [whole, part, other] = ["10.0.0.0/8", "10.9.0.0/16", "11.0.0.0/8"].map((cidr) => parseNetwork(cidr)!);
  expect([overlap(whole!, part!), overlap(part!, whole!), overlap(whole!, other!)]).toEqual([true, true, false]);
});
