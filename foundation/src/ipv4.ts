/** An IPv4 network: "172.17.0.0/16" as numbers. */
export interface Ipv4Network {
  /** Its first address, with the host part zero. */
  readonly base: number;
  readonly bits: number;
  /** How many addresses it has. */
  readonly size: number;
}

/** undefined for what is no IPv4 network. */
export function parseNetwork(cidr: string): Ipv4Network | undefined {
  const [address = "", length = ""] = cidr.split("/");
  const value = parseAddress(address);
  const bits = Number(length);
  if (value === undefined || length === "" || !Number.isInteger(bits) || bits < 0 || bits > 32) return undefined;
  const size = 2 ** (32 - bits);
  return { base: value - (value % size), bits, size };
}

/** undefined for what is no IPv4 address. */
export function parseAddress(address: string): number | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return undefined;
  const parts = address.split(".").map(Number);
  return parts.some((part) => part > 255) ? undefined : parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

export function overlap(a: Ipv4Network, b: Ipv4Network): boolean {
  return a.base < b.base + b.size && b.base < a.base + a.size;
}

export function contains(network: Ipv4Network, address: number): boolean {
  return address >= network.base && address < network.base + network.size;
}
