import { CelError } from "./cel-error.ts";
import { noOverload } from "./operators.ts";
import { CelOpaque } from "./values.ts";

type Family = 4 | 6;
const BITS: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

class CelIp extends CelOpaque {
  readonly typeName = "net.IP";
  readonly family: Family;
  readonly bits: bigint;

  constructor(family: Family, bits: bigint) {
    super();
    this.family = family;
    this.bits = bits;
  }

  get text(): string {
    return this.family === 4 ? text4(this.bits) : text6(this.bits);
  }

  /** The highest bits. */
  top(count: number): bigint {
    return this.bits >> BigInt(BITS[this.family] - count);
  }
}

class CelCidr extends CelOpaque {
  readonly typeName = "net.CIDR";
  readonly ip: CelIp;
  readonly prefix: number;

  constructor(ip: CelIp, prefix: number) {
    super();
    this.ip = ip;
    this.prefix = prefix;
  }

  get text(): string {
    return `${this.ip.text}/${this.prefix}`;
  }

  contains(ip: CelIp): boolean {
    return ip.family === this.ip.family && ip.top(this.prefix) === this.ip.top(this.prefix);
  }
}

function text4(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join(".");
}

/** RFC 5952: the longest run of zero groups is left out. */
function text6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  let [at, length] = [-1, 1];
  for (let i = 0; i < 8; i += 1) {
    let end = i;
    while (groups[end] === "0") end += 1;
    if (end - i > length) [at, length] = [i, end - i];
  }
  if (at < 0) return groups.join(":");
  return `${groups.slice(0, at).join(":")}::${groups.slice(at + length).join(":")}`;
}

function parse4(text: string): bigint | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined;
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

function parse6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2 || !text.includes(":")) return undefined;
  const groups = halves.map((half) => (half === "" ? [] : half.split(":").flatMap(groupsOf)));
  const count = groups.reduce((sum, half) => sum + half.length, 0);
  if (groups.some((half) => half.some((group) => !/^[\da-f]{1,4}$/i.test(group)))) return undefined;
  if (halves.length === 1 ? count !== 8 : count > 7) return undefined;
  const zeros = Array.from({ length: 8 - count }, () => "0");
  const all = [...groups[0]!, ...zeros, ...(groups[1] ?? [])];
  return all.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** The last group may be an IPv4 address. */
function groupsOf(group: string): readonly string[] {
  const bits = group.includes(".") ? parse4(group) : undefined;
  return bits === undefined ? [group] : [(bits >> 16n).toString(16), (bits & 0xffffn).toString(16)];
}

function parseIp(text: string): CelIp | undefined {
  const bits = parse4(text);
  if (bits !== undefined) return new CelIp(4, bits);
  const wide = parse6(text);
  // addresses of IPv4 within IPv6 are not allowed
  return wide === undefined || wide >> 32n === 0xffffn ? undefined : new CelIp(6, wide);
}

function parseCidr(text: string): CelCidr | undefined {
  const match = /^(.+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const ip = match === null ? undefined : parseIp(match[1]!);
  return ip === undefined || Number(match![2]) > BITS[ip.family] ? undefined : new CelCidr(ip, Number(match![2]));
}

function toIp(value: unknown): CelIp {
  if (value instanceof CelIp) return value;
  if (value instanceof CelCidr) return value.ip;
  const ip = typeof value === "string" ? parseIp(value) : undefined;
  if (ip !== undefined) return ip;
  if (typeof value !== "string") throw noOverload("ip", value);
  const shown = JSON.stringify(value);
  throw new CelError(
    `IP Address ${shown} parse error during conversion from string: ParseAddr(${shown}): unable to parse IP`,
  );
}

function toCidr(value: unknown): CelCidr {
  if (value instanceof CelCidr) return value;
  const cidr = typeof value === "string" ? parseCidr(value) : undefined;
  if (cidr !== undefined) return cidr;
  if (typeof value !== "string") throw noOverload("cidr", value);
  const shown = JSON.stringify(value);
  throw new CelError(
    `network address parse error during conversion from string: netip.ParsePrefix(${shown}): unable to parse`,
  );
}

const isUnspecified = ({ bits }: CelIp): boolean => bits === 0n;
const isLoopback = (ip: CelIp): boolean => (ip.family === 4 ? ip.top(8) === 127n : ip.bits === 1n);
const isMulticast = (ip: CelIp): boolean => (ip.family === 4 ? ip.top(4) === 0xen : ip.top(8) === 0xffn);
const isLinkLocal = (ip: CelIp): boolean => (ip.family === 4 ? ip.top(16) === 0xa9fen : ip.top(10) === 0x3fan);

/** Kubernetes' libraries for IP addresses and ranges: functions by name, and methods. */
export const ADDRESS_FUNCTIONS = {
  ip: toIp,
  isIP: (value: unknown) => typeof value === "string" && parseIp(value) !== undefined,
  "ip.isCanonical": (value: unknown) => toIp(value).text === value,
  cidr: toCidr,
  isCIDR: (value: unknown) => typeof value === "string" && parseCidr(value) !== undefined,
};

export const ADDRESS_METHODS = {
  family: (value: unknown) => BigInt(toIp(value).family),
  isUnspecified: (value: unknown) => isUnspecified(toIp(value)),
  isLoopback: (value: unknown) => isLoopback(toIp(value)),
  isLinkLocalMulticast: (value: unknown) => {
    const ip = toIp(value);
    return ip.family === 4 ? ip.top(24) === 0xe00000n : ip.top(8) === 0xffn && (ip.top(16) & 0xfn) === 2n;
  },
  isLinkLocalUnicast: (value: unknown) => isLinkLocal(toIp(value)),
  isGlobalUnicast: (value: unknown) => {
    const ip = toIp(value);
    const isBroadcast = ip.family === 4 && ip.bits === 0xffffffffn;
    return !(isUnspecified(ip) || isLoopback(ip) || isMulticast(ip) || isLinkLocal(ip) || isBroadcast);
  },
  containsIP: (value: unknown, ip: unknown) => toCidr(value).contains(toIp(ip)),
  containsCIDR: (value: unknown, other: unknown) => {
    const [outer, inner] = [toCidr(value), toCidr(other)];
    return inner.prefix >= outer.prefix && outer.contains(inner.ip);
  },
  masked: (value: unknown) => {
    const { ip, prefix } = toCidr(value);
    const rest = BigInt(BITS[ip.family] - prefix);
    return new CelCidr(new CelIp(ip.family, (ip.bits >> rest) << rest), prefix);
  },
  prefixLength: (value: unknown) => BigInt(toCidr(value).prefix),
};
