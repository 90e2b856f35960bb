import { TsukubeError } from "@tsukube/foundation";
import {
  contains,
  formatAddress,
  type Ipv4Network,
  overlap,
  parseAddress,
  parseNetwork,
} from "@tsukube/foundation/ipv4";

/** From which networks without a subnet of their own take one, as Docker does: 172.17.0.0/16 on, then parts of 192.168.0.0/16. */
export const DEFAULT_POOLS: readonly string[] = [
  ...Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.0/16`),
  ...Array.from({ length: 16 }, (_, index) => `192.168.${16 * index}.0/20`),
];

/** The first of the pools that overlaps nothing of what is in use. @throws {TsukubeError} `exhausted`. */
export function freeSubnet(used: readonly string[], pools: readonly string[] = DEFAULT_POOLS): string {
  const taken = used.flatMap((cidr) => parseNetwork(cidr) ?? []);
  const free = pools.find((pool) => {
    const network = parseNetwork(pool);
    return network !== undefined && !taken.some((other) => overlap(network, other));
  });
  if (free !== undefined) return free;
  throw new TsukubeError(
    "exhausted",
    `Cannot find a subnet: all ${pools.length} predefined ones overlap networks of this machine, expected --subnet`,
  );
}

export interface AddressWish {
  readonly subnet: string;
  readonly range?: string;
  readonly used: ReadonlySet<string>;
  /** The one given last: what was just released rests as long as possible. */
  readonly last?: string;
}

/** The next free address of a network. @throws {TsukubeError} `exhausted`. */
export function freeAddress({ subnet, range, used, last }: AddressWish): string {
  const whole = parseNetwork(subnet) as Ipv4Network;
  const part = parseNetwork(range ?? subnet) ?? whole;
  const before = last === undefined ? undefined : parseAddress(last);
  const start = before !== undefined && contains(part, before) ? before - part.base + 1 : 0;
  for (let tries = 0; tries < part.size; tries += 1) {
    const value = part.base + ((start + tries) % part.size);
    const isEdge = value === whole.base || value === whole.base + whole.size - 1;
    if (!isEdge && !used.has(formatAddress(value))) return formatAddress(value);
  }
  throw new TsukubeError(
    "exhausted",
    `Cannot give an address: all of ${range ?? subnet} are in use, expected a free one`,
  );
}
