import { isIPv4 } from "node:net";
import { TsukubeError } from "@tsukube/foundation";
import type { NetworkSpec } from "@tsukube/node-contracts";

const MTU = "com.docker.network.driver.mtu";
const NAME = "com.docker.network.bridge.name";
const ICC = "com.docker.network.bridge.enable_icc";
const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";
const BINDING = "com.docker.network.bridge.host_binding_ipv4";
const PREFIX = "com.docker.network.container_iface_prefix";
/** What the others of the bridge driver are where they change nothing. */
const DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  "com.docker.network.bridge.inhibit_ipv4": ["", "false", "0"],
  "com.docker.network.bridge.gateway_mode_ipv4": ["", "nat"],
  "com.docker.network.bridge.gateway_mode_ipv6": ["", "nat"],
  "com.docker.network.bridge.trusted_host_interfaces": [""],
  "com.docker.network.host_ipv4": [""],
  "com.docker.network.host_ipv6": [""],
};
/** IPv4 takes no less (RFC 791); no link takes more. */
const [LEAST_MTU, MOST_MTU] = [68, 65_535];
/** A link has a name of 15 bytes at most (IFNAMSIZ), of an interface's prefix two are for its number. */
const LINK = /^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$/;
const LINK_PREFIX = /^[!-.0-9;-~]{1,13}$/;

type Wish = Pick<NetworkSpec, "mtu" | "bridge" | "isIsolated" | "isRouted" | "hostBinding" | "interfacePrefix">;

/**
 * What options of the bridge driver ask for; those of other drivers ask for nothing.
 * @throws {TsukubeError} `invalid`, `unsupported`.
 */
export function bridgeOptions(options: Readonly<Record<string, string>>): Wish {
  for (const [name, defaults] of Object.entries(DEFAULTS)) {
    const value = options[name];
    if (value === undefined || defaults.includes(value)) continue;
    throw new TsukubeError("unsupported", `the network option ${name}=${value} is not there: expected none`);
  }
  const mtu = mtuIn(options[MTU]);
  const bridge = matching(NAME, options[NAME], LINK, "the name of a link, at most 15 characters");
  const binding = options[BINDING] ?? "";
  if (binding !== "" && !isIPv4(binding)) throw refused(BINDING, binding, "an IPv4 address");
  const prefix = matching(
    PREFIX,
    options[PREFIX],
    LINK_PREFIX,
    "the beginning of a link's name, at most 13 characters",
  );
  return {
    ...(mtu > 0 ? { mtu } : {}),
    ...(bridge === "" ? {} : { bridge }),
    ...(flagIn(ICC, options[ICC]) ? {} : { isIsolated: true }),
    ...(flagIn(MASQUERADE, options[MASQUERADE]) ? {} : { isRouted: true }),
    ...(binding === "" || binding === "0.0.0.0" ? {} : { hostBinding: binding }),
    ...(prefix === "" ? {} : { interfacePrefix: prefix }),
  };
}

/** 0 for the default. */
function mtuIn(text = "0"): number {
  const mtu = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (mtu === 0 || (mtu >= LEAST_MTU && mtu <= MOST_MTU)) return mtu;
  throw refused(MTU, text, `a number of bytes, ${LEAST_MTU} to ${MOST_MTU}`);
}

/** As Go reads them (strconv.ParseBool); true by default. */
function flagIn(name: string, text = "true"): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw refused(name, text, "true or false");
}

function matching(name: string, text = "", pattern: RegExp, expected: string): string {
  if (text === "" || pattern.test(text)) return text;
  throw refused(name, text, expected);
}

function refused(name: string, text: string, expected: string): TsukubeError {
  return new TsukubeError("invalid", `failed to parse ${name} value: "${text}": expected ${expected}`);
}
