import { isSpecialAddress } from "@tsukube/foundation/ip-address";
import { describe, expect, test } from "vitest";
import { canonicalAddress, canonicalCidr, cidr, interfaceAddress, ipAddress } from "./names.ts";

const NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
const NO_NETWORK = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

describe("addresses", () => {
  test.each([
    ["10.0.0.1", undefined],
    ["2001:DB8:0::1", undefined],
    ["::ffff:10.0.0.1", "must not be an IPv4-mapped IPv6 address"],
    ["010.0.0.1", "must not have leading 0s"],
    ["10.0.0.256", NO_ADDRESS],
    ["1::2::3", NO_ADDRESS],
    ["1:2:3:4:5:6:7:8:9", NO_ADDRESS],
    ["", NO_ADDRESS],
  ])("%s: %s", (text, problem) => {
    expect(ipAddress(text)).toEqual(problem === undefined ? [] : [problem]);
  });

  test.each([
    ["2001:db8::1", undefined],
    ["2001:DB8::1", "2001:db8::1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:3:4:5:6:7", undefined],
    ["0:0:0:0:0:0:0:0", "::"],
  ])("the form of %s that all write: %s", (text, canonical) => {
    expect(canonicalAddress(text)).toEqual(
      canonical === undefined ? [] : [`must be in canonical form ("${canonical}")`],
    );
  });

  test.each([
    ["0.0.0.0", "unspecified"],
    ["::1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["169.254.1.1", "link-local"],
    ["fe80::1", "link-local"],
    ["ff02::1", "link-local multicast"],
    ["224.0.0.5", "link-local multicast"],
    ["10.0.0.1", undefined],
  ])("%s is %s", (text, kind) => {
    expect(isSpecialAddress(text)).toBe(kind);
  });
});

describe("networks", () => {
  test.each([
    ["10.0.0.0/8", undefined],
    ["2001:DB8::/32", undefined],
    ["10.0.0.1/8", "must not have bits set beyond the prefix length"],
    ["::ffff:10.0.0.0/104", "must not have an IPv4-mapped IPv6 address"],
    ["10.0.0.0/08", "must not have leading 0s in IP or prefix length"],
    ["10.0.0.0/33", NO_NETWORK],
    ["10.0.0.0", NO_NETWORK],
  ])("%s: %s", (text, problem) => {
    expect(cidr(text)).toEqual(problem === undefined ? [] : [problem]);
  });

  test("new fields take the form that all write only", () => {
    expect(canonicalCidr("2001:DB8::/32")).toEqual(['must be in canonical form ("2001:db8::/32")']);
  });

  test.each([
    ["10.0.0.1/8", undefined],
    ["10.0.0.01/8", 'must be in canonical form ("10.0.0.1/8")'],
    ["::ffff:10.0.0.1/120", 'must be in canonical form ("10.0.0.1/24")'],
    ["10.0.0.1", "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"],
  ])("%s of an interface: %s", (text, problem) => {
    expect(interfaceAddress(text)).toEqual(problem === undefined ? [] : [problem]);
  });
});
