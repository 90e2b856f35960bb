import { ApiError, type KubeObject } from "@tsukube/api";
import type { LeaseSpec } from "@tsukube/api/types/coordination-v1";
import { type Clock, formatMicroTime, type Logger, messageOf } from "@tsukube/foundation";
import type { Client, ResourceClient } from "./types.ts";

export interface LeaderElectionOptions {
  readonly client: Client;
  /** The Lease in kube-system, such as "kube-scheduler". */
  readonly name: string;
  /** Who this is, unlike everybody else: "host_uuid". */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** kube-controller-manager's and kube-scheduler's defaults. */
const LEASE_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2000;

interface Lease extends KubeObject {
  readonly spec?: LeaseSpec;
}

/**
 * Elects one of many by a Lease, with client-go's protocol, so that upstream's programs and ours can take turns. Clocks of others
 * are not believed: a lease is over when its record has not changed for its duration by this clock.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #leases: ResourceClient<Lease>;
  #seen = { record: "", at: 0 };
  #lease: Lease | undefined;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
    this.#leases = options.client.resource<Lease>(leases, "kube-system");
  }

  /**
   * Leads whenever it is elected, until `signal` aborts; then gives the lease back.
   * @param lead Begins what a leader does; what it returns ends that, and is awaited before anybody else may lead.
   */
  async run(signal: AbortSignal, lead: () => Promise<() => Promise<void>>): Promise<void> {
    const { clock, logger, name } = this.#options;
    while (!signal.aborted) {
      if (!(await this.#try())) {
        await clock.sleep(RETRY_MS, signal).catch(() => {});
        continue;
      }
      logger.info("leads", { lease: name });
      const ending = lead();
      await this.#hold(signal);
      if (!signal.aborted) logger.warn("leads no more", { lease: name });
      await (await ending)();
      await this.#release();
    }
  }

  /** Resolves when the lease is lost, or `signal` aborts. */
  async #hold(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    let renewed = clock.monotonic();
    while (!signal.aborted && clock.monotonic() - renewed < RENEW_DEADLINE_MS) {
      await clock.sleep(RETRY_MS, signal).catch(() => {});
      const began = clock.monotonic();
      if (!signal.aborted && (await this.#try())) renewed = began;
    }
  }

  /** Takes the lease, or holds it longer. @returns whether it is ours now. */
  async #try(): Promise<boolean> {
    try {
      return await this.#takeOrRenew();
    } catch (error) {
      this.#options.logger.debug("cannot renew a lease", { lease: this.#options.name, error: messageOf(error) });
      this.#lease = undefined;
      return false;
    }
  }

  async #takeOrRenew(): Promise<boolean> {
    const { clock, identity, name } = this.#options;
    const now = formatMicroTime(clock.now());
    const mine = { holderIdentity: identity, leaseDurationSeconds: LEASE_MS / 1000, renewTime: now };
    const present = this.#isOurs(this.#lease) ? this.#lease : await this.#read();
    if (present === undefined) {
      const spec = { ...mine, acquireTime: now, leaseTransitions: 0 };
      this.#lease = await this.#leases.create({ metadata: { name }, spec });
      return true;
    }
    if (!this.#isOurs(present) && this.#isHeld(present)) return false;
    const { acquireTime, leaseTransitions } = present.spec ?? {};
    const spec = this.#isOurs(present)
      ? { ...present.spec, ...mine, acquireTime: acquireTime ?? now }
      : { ...present.spec, ...mine, acquireTime: now, leaseTransitions: (leaseTransitions ?? 0) + 1 };
    this.#lease = await this.#leases.update({ ...present, spec });
    return true;
  }

  async #read(): Promise<Lease | undefined> {
    try {
      return await this.#leases.get(this.#options.name);
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return undefined;
      throw error;
    }
  }

  #isOurs(lease: Lease | undefined): boolean {
    return lease?.spec?.holderIdentity === this.#options.identity;
  }

  #isHeld({ spec = {} }: Lease): boolean {
    const { clock } = this.#options;
    const record = JSON.stringify(spec);
    if (record !== this.#seen.record) this.#seen = { record, at: clock.monotonic() };
    const duration = (spec.leaseDurationSeconds ?? LEASE_MS / 1000) * 1000;
    return (spec.holderIdentity ?? "") !== "" && clock.monotonic() - this.#seen.at < duration;
  }

  /** So that the next need not wait for the lease to run out. */
  async #release(): Promise<void> {
    const lease = this.#lease;
    this.#lease = undefined;
    if (!this.#isOurs(lease)) return;
    const now = formatMicroTime(this.#options.clock.now());
    const { leaseTransitions = 0 } = lease!.spec ?? {};
    const spec = { holderIdentity: "", leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions };
    await this.#leases.update({ ...lease!, spec }).catch(() => {}); // somebody has it already
  }
}
