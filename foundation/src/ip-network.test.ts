import { expect, test } from "vitest";
import { addressAt, familyOf, formatIp, isWithin, overlap, parseIp, parseIpNetwork, withPort } from "./ip-network.ts";

test.each([
  ["10.64.0.1", "10.64.0.1"],
  ["FD00:0:0::1", "fd00::1"],
  ["::", "::"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
])("%s is a number that is shown as %s", (text, shown) => {
  expect(formatIp(parseIp(text)!)).toBe(shown);
});

test("an address is of one family, another text of none", () => {
  expect(["10.0.0.1", "fd00::1", "None", ""].map(familyOf)).toEqual(["IPv4", "IPv6", undefined, undefined]);
});

test.each(["", "fd00::", "fd00::/129", "10.0.0.0/33", "10.0.0.0/", "fd00::/64/64", "x/8"])(
  "%j is no network",
  (text) => {
    expect(parseIpNetwork(text)).toBeUndefined();
  },
);

test("a network begins where its host part is zero, and holds addresses of its family", () => {
  const network = parseIpNetwork("fd00:96::5/112")!;
  expect([addressAt(network, 0), addressAt(network, 10), network.size]).toEqual(["fd00:96::", "fd00:96::a", 65536n]);
  const held = ["fd00:96::ffff", "fd00:96::1:0", "10.0.0.1"].map((text) => isWithin(network, parseIp(text)!));
  expect(held).toEqual([true, false, false]);
  const whole = parseIpNetwork("::/0")!;
  expect(isWithin(whole, parseIp("0.0.0.1")!)).toBe(false);
});

test("networks overlap when one lies in the other, never those of two families", () => {
  const [whole, part, other, old] = ["fd00::/64", "fd00::5:0/112", "fd01::/64", "0.0.0.0/0"].map(
    (cidr) => parseIpNetwork(cidr)!,
  );
  const pairs = [overlap(whole!, part!), overlap(part!, whole!), overlap(whole!, other!), overlap(whole!, old!)];
  expect(pairs).toEqual([true, true, false, false]);
});

test("a port stands apart from the colons of an address", () => {
  expect([withPort("10.0.0.1", 80), withPort("fd00::1", 80)]).toEqual(["10.0.0.1:80", "[fd00::1]:80"]);
});
