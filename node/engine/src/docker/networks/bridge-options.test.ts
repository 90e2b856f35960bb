import { expect, test } from "vitest";
import { bridgeOptions } from "./bridge-options.ts";

const bridge = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });

test("options of the bridge driver say how a network differs, those of others say nothing", () => {
  const options = {
    ...bridge("name", "br-shop"),
    ...bridge("enable_icc", "0"),
    ...bridge("enable_ip_masquerade", "F"),
  };
  const others = { "com.docker.network.driver.mtu": "1400", "com.docker.network.container_iface_prefix": "shop" };
  const wish = { bridge: "br-shop", isIsolated: true, isRouted: true, hostBinding: "127.0.0.1", mtu: 1400 };
  expect(bridgeOptions({ ...options, ...others, ...bridge("host_binding_ipv4", "127.0.0.1") })).toEqual({
    ...{ ...wish, interfacePrefix: "shop" },
  });
  const defaults = { ...bridge("enable_icc", "true"), ...bridge("host_binding_ipv4", "0.0.0.0") };
  expect(bridgeOptions({ ...defaults, ...bridge("gateway_mode_ipv4", "nat"), parent: "eth0" })).toEqual({});
});

test.each([
  ["name", "a/b", "expected the name of a link"],
  ["name", "abcdefghijklmnop", "expected the name of a link"],
  ["enable_icc", "no", "expected true or false"],
  ["host_binding_ipv4", "::1", "expected an IPv4 address"],
  ["gateway_mode_ipv4", "routed", "gateway_mode_ipv4=routed is not there"],
])("%s=%s is refused", (name, value, why) => {
  expect(() => bridgeOptions(bridge(name, value))).toThrow(why);
});
