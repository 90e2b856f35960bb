import { addressText, isMapped, parseAddress } from "./ip-address.ts";

export type IpFamily = "IPv4" | "IPv6";

/** An address as a number of its family. */
export interface IpNumber {
  readonly family: IpFamily;
  readonly value: bigint;
}

/** A network of either family as numbers. */
export interface IpNetwork {
  readonly family: IpFamily;
  /** Its first address, with the host part zero. */
  readonly base: bigint;
  readonly bits: number;
  /** How many addresses it has. */
  readonly size: bigint;
}

const WIDTH: Readonly<Record<IpFamily, number>> = { IPv4: 32, IPv6: 128 };

export function otherFamily(family: IpFamily): IpFamily {
  return family === "IPv4" ? "IPv6" : "IPv4";
}

/** undefined for what is no network. */
export function parseIpNetwork(cidr: string): IpNetwork | undefined {
  const [, address = "", length = ""] = /^([^/]+)\/(\d{1,3})$/.exec(cidr) ?? [];
  const parsed = parseIp(address);
  if (parsed === undefined) return undefined;
  const { family, value } = parsed;
  const bits = Number(length);
  if (bits > WIDTH[family]) return undefined;
  const size = 1n << BigInt(WIDTH[family] - bits);
  return { family, base: value - (value % size), bits, size };
}

/** undefined for what is no address; IPv4 in the form of IPv6 is IPv4. */
export function parseIp(text: string): IpNumber | undefined {
  const parsed = parseAddress(text);
  if (parsed === undefined) return undefined;
  const groups = isMapped(parsed) ? parsed.slice(6) : parsed;
  const value = groups.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n);
  return { family: groups.length === 2 ? "IPv4" : "IPv6", value };
}

export function familyOf(text: string): IpFamily | undefined {
  return parseIp(text)?.family;
}

/** In the form that all write. */
export function formatIp({ family, value }: IpNumber): string {
  const count = WIDTH[family] / 16;
  const shifts = Array.from({ length: count }, (_, index) => BigInt(16 * (count - 1 - index)));
  return addressText(shifts.map((shift) => Number((value >> shift) & 0xffffn)));
}

/** The address that is so far from the first of a network. */
export function addressAt({ family, base }: IpNetwork, offset: number | bigint): string {
  return formatIp({ family, value: base + BigInt(offset) });
}

export function isWithin(network: IpNetwork, { family, value }: IpNumber): boolean {
  return family === network.family && value >= network.base && value < network.base + network.size;
}

export function overlap(a: IpNetwork, b: IpNetwork): boolean {
  return a.family === b.family && a.base < b.base + b.size && b.base < a.base + a.size;
}

/** For URLs, and wherever a port follows an address. */
export function withPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
