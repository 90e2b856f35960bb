import type { Clock } from "@tsukube/foundation";
import type { EtcdConnection } from "./etcd-connection.ts";

/** Keys that end within so long of each other may share a lease: etcd suffers from many leases. */
const SHARE_MS = 60_000;
const LEAST_MS = 1000;
/** Deleting the keys of a lease is one transaction. */
const MAX_KEYS = 1000;

/** Leases that let keys end by themselves, each for many keys. */
export class EtcdLeases {
  readonly #connection: EtcdConnection;
  readonly #clock: Clock;
  #last: { readonly id: Promise<string>; readonly endsAt: number; readonly longest: number; keys: number } | undefined;

  constructor(connection: EtcdConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** A lease that ends at `expiresAt` (ms since the epoch) or a little later, never before. */
  until(expiresAt: number): Promise<string> {
    const last = this.#last;
    const now = this.#clock.now();
    // one that has ended may not be there any more when it is used
    const end = Math.max(expiresAt, now + LEAST_MS);
    if (last !== undefined && end <= last.endsAt && end >= last.longest && last.keys < MAX_KEYS) {
      last.keys += 1;
      return last.id;
    }
    const ms = end - now;
    const share = Math.min(SHARE_MS, ms / 20);
    const id = this.#grant(Math.ceil((ms + share) / 1000));
    const made = { id, endsAt: end + share, longest: end - share, keys: 1 };
    this.#last = made;
    id.catch(() => {
      if (this.#last === made) this.#last = undefined;
    });
    return id;
  }

  async #grant(seconds: number): Promise<string> {
    // a lease granted twice because the first answer was lost ends by itself
    const { ID } = await this.#connection.read((member, options) => member.lease.LeaseGrant({ TTL: seconds }, options));
    return String(ID);
  }
}
