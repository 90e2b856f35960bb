import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { formatAddress, type Ipv4Network, parseAddress, parseNetwork } from "@tsukube/foundation/ipv4";
import { readRecord, writeRecord } from "@tsukube/host";

/** Who has an address. */
export interface Lease {
  readonly address: string;
  readonly containerId: string;
  readonly interfaceName: string;
  readonly hostLink: string;
  /** Host ports that lead here, see {@link PortMapping}. */
  readonly ports: readonly LeasedPort[];
}

export interface LeasedPort {
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/**
 * Addresses of one IPv4 network, handed out in turn so that one just released rests as long as possible. One checksummed file
 * per lease: what the files say is what is leased, also after `kill -9`.
 */
export class Leases {
  readonly #folder: string;
  readonly #base: number;
  readonly #size: number;
  readonly #byContainer = new Map<string, Lease>();
  readonly #taken = new Set<number>();
  #next = 2;

  /** @param cidr Such as "10.64.0.0/16"; the first address is the gateway's. */
  constructor(folder: string, cidr: string) {
    this.#folder = folder;
    const { base, size } = parseNetwork(cidr) as Ipv4Network;
    this.#base = base;
    this.#size = size;
  }

  /** Reads the leases left by an earlier process. Damaged files are removed: their container is gone or will be added again. */
  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      if (!/^\d+\.\d+\.\d+\.\d+$/.test(name)) continue;
      const path = join(this.#folder, name);
      const lease = await readRecord<Lease>(path).catch(() => undefined);
      if (lease === undefined) await rm(path, { force: true });
      else this.#remember(lease);
    }
  }

  get all(): readonly Lease[] {
    return [...this.#byContainer.values()];
  }

  of(containerId: string): Lease | undefined {
    return this.#byContainer.get(containerId);
  }

  /** Takes an address, durably. Idempotent per container. @throws {TsukubeError} `exhausted`. */
  async take(containerId: string, rest: Omit<Lease, "address" | "containerId">): Promise<Lease> {
    const present = this.#byContainer.get(containerId);
    if (present !== undefined) return present;
    const lease: Lease = { address: this.#free(), containerId, ...rest };
    this.#remember(lease); // before the first await: two at once must not get the same
    try {
      await writeRecord(join(this.#folder, lease.address), lease);
    } catch (error) {
      this.#forget(lease);
      throw error;
    }
    return lease;
  }

  async release(containerId: string): Promise<void> {
    const lease = this.#byContainer.get(containerId);
    if (lease === undefined) return;
    await rm(join(this.#folder, lease.address), { force: true });
    this.#forget(lease);
  }

  #free(): string {
    for (let tries = 0; tries < this.#size; tries += 1) {
      const offset = this.#next;
      this.#next = this.#next + 1 >= this.#size - 1 ? 2 : this.#next + 1;
      if (!this.#taken.has(offset)) return formatAddress(this.#base + offset);
    }
    throw new TsukubeError(
      "exhausted",
      `Cannot give a pod an address: all ${this.#size - 3} of ${formatAddress(this.#base)} are leased, expected a free one; delete pods`,
    );
  }

  #remember(lease: Lease): void {
    const offset = this.#offsetOf(lease);
    this.#taken.add(offset);
    this.#byContainer.set(lease.containerId, lease);
    if (offset >= this.#next) this.#next = offset + 1 >= this.#size - 1 ? 2 : offset + 1;
  }

  #forget(lease: Lease): void {
    this.#taken.delete(this.#offsetOf(lease));
    this.#byContainer.delete(lease.containerId);
  }

  #offsetOf({ address }: Lease): number {
    return (parseAddress(address) ?? 0) - this.#base;
  }
}
