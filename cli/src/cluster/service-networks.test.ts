import { expect, test } from "vitest";
import { expectApart, parsePodNetworks, parseServiceNetworks } from "./service-networks.ts";

test.each(["10.96.0.0/16", "fd00:96::/112", "10.96.0.0/16,fd00:96::/112", "fd00:96::/108,10.96.0.0/28"])(
  "%s are networks of Services",
  (text) => {
    expect(parseServiceNetworks(text).map(({ family }) => family)).toEqual(
      text.split(",").map((cidr) => (cidr.includes(":") ? "IPv6" : "IPv4")),
    );
  },
);

test.each([
  ["", '"" is no network, expected such as 10.96.0.0/16 or fd00:96::/112'],
  ["10.96.0.0", '"10.96.0.0" is no network'],
  ["10.96.0.0/16,", '"" is no network'],
  ["10.96.0.1/16", '"10.96.0.1/16" is not in the form that all write, expected 10.96.0.0/16'],
  ["FD00::/112", '"FD00::/112" is not in the form that all write, expected fd00::/112'],
  ["10.96.0.0/16,10.97.0.0/16", "both networks are IPv4, expected one of each IP family"],
  ["fd00::/112,fd01::/112", "both networks are IPv6"],
  ["10.96.0.0/16,fd00::/112,fd01::/112", "it names 3 networks, expected one, or one of each IP family"],
  ["10.96.0.0/30", "10.96.0.0/30 has 4 addresses, expected at least 16"],
  ["fd00::/48", "fd00::/48 is too large, expected a prefix of 64 bits at least"],
  ["0.0.0.0/0", "0.0.0.0/0 is too large, expected a prefix of 8 bits at least"],
])("%j are none: %s", (text, why) => {
  expect(() => parseServiceNetworks(text)).toThrow(why);
});

test("Services have networks of their own", () => {
  const networks = parseServiceNetworks("10.96.0.0/16,fd00:96::/112");
  const others = (...cidrs: readonly string[]) => new Map(cidrs.map((cidr) => [cidr, "a route of this host"]));
  expect(() =>
    expectApart("--service-cidr", networks, others("10.64.0.0/16", "fd00::/64", "10.97.0.0/16")),
  ).not.toThrow();
  expect(() => expectApart("--service-cidr", networks, others("fd00::/16"))).toThrow(
    "fd00:96::/112 shares addresses with a route of this host, fd00::/16",
  );
  expect(() => expectApart("--service-cidr", networks, others("10.96.5.0/24"))).toThrow(
    "10.96.0.0/16 shares addresses",
  );
});

test.each([
  ["10.244.0.0/16", "10.160.0.0/16"],
  ["10.244.0.0/24,fd00:244::/64", "10.160.0.0/16,fd00:160::/112"],
  ["fd00:244::/112", "10.160.0.0/16,fd00:160::/112"],
])("%s are networks of pods beside Services of %s", (text, services) => {
  expect(parsePodNetworks(text, services)).toHaveLength(text.split(",").length);
});

test.each([
  [
    "10.244.0.0",
    'Cannot take --pod-cidr "10.244.0.0": "10.244.0.0" is no network, expected such as 10.244.0.0/16 or fd00:244::/64',
  ],
  ["10.244.0.1/16", "expected 10.244.0.0/16"],
  ["10.244.0.0/29", "10.244.0.0/29 has 8 addresses, expected at least 16"],
  ["fd00:244::/64", "its Services have no IPv6, expected --service-cidr with a network of IPv6, too"],
  ["10.244.0.0/16,fd00:244::/120", "fd00:244::/120 has fewer addresses", "10.160.0.0/16,fd00:160::/112"],
  ["fd00:244::/32", "a prefix of 48 bits at least", "10.160.0.0/16,fd00:160::/112"],
])("%j are no networks of pods: %s", (text, why, services = "10.160.0.0/16") => {
  expect(() => parsePodNetworks(text, services)).toThrow(why);
});
