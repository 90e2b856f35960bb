import { ApiError, jsonEqual, type KubeObject } from "@tsukube/api";
import type { LeaseSpec } from "@tsukube/api/types/coordination-v1";
import { type Clock, formatMicroTime, type Logger, messageOf, withinTime } from "@tsukube/foundation";
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
/** Of one request: a try that hangs leaves time for another one before the deadline. */
const REQUEST_MS = RENEW_DEADLINE_MS / 2;

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
  #seen: { readonly spec: LeaseSpec | undefined; readonly at: number } = { spec: undefined, at: 0 };
  #lease: Lease | undefined;
  /** When the try began that took or renewed the lease last: nobody has seen a later change than its own. */
  #renewed = 0;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
    this.#leases = options.client.resource<Lease>(leases, "kube-system");
  }

  /**
   * Leads whenever it is elected, until `signal` aborts; then gives the lease back. What does not begin gives it back at once, and is
   * tried again after a pause.
   * @param lead Begins what a leader does; what it returns ends that, and is awaited before anybody else may lead.
   */
  async run(signal: AbortSignal, lead: () => Promise<() => Promise<void>>): Promise<void> {
    while (!signal.aborted) {
      if ((await this.#try(signal)) && (await this.#lead(signal, lead))) continue;
      await this.#options.clock.sleep(RETRY_MS, signal).catch(() => {});
    }
  }

  /** @returns whether it began. */
  async #lead(signal: AbortSignal, lead: () => Promise<() => Promise<void>>): Promise<boolean> {
    const { logger, name } = this.#options;
    logger.info("leads", { lease: name });
    const failed = new AbortController();
    const beginning = lead().catch((error: unknown) => {
      logger.error("cannot begin to lead", { lease: name, error: messageOf(error) });
      failed.abort();
      return undefined;
    });
    await this.#hold(AbortSignal.any([signal, failed.signal]));
    if (!signal.aborted) logger.warn("leads no more", { lease: name });
    const end = await beginning;
    await end?.().catch((error: unknown) => {
      logger.error("cannot end what a leader does", { lease: name, error: messageOf(error) });
    });
    await this.#release();
    return end !== undefined;
  }

  /** Resolves when the lease could not be renewed before its deadline, or `signal` aborts. */
  async #hold(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const renewed = async (round: AbortSignal): Promise<void> => {
      while (!(await this.#try(round))) await clock.sleep(RETRY_MS, round);
    };
    try {
      for (;;) {
        await clock.sleep(RETRY_MS, signal);
        const passed = clock.monotonic() - this.#renewed;
        await withinTime(clock, RETRY_MS + RENEW_DEADLINE_MS - passed, signal, renewed);
      }
    } catch {
      // late, or told to stop: either way it leads no more
    }
  }

  /** Takes the lease, or holds it longer. @returns whether it is ours now. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const known = this.#lease;
    const began = this.#options.clock.monotonic();
    this.#lease = undefined;
    try {
      this.#lease = await this.#takeOrRenew(known, signal);
      if (this.#lease === undefined) return false;
      this.#renewed = began;
      return true;
    } catch (error) {
      this.#options.logger.debug("cannot renew a lease", { lease: this.#options.name, error: messageOf(error) });
      return false;
    }
  }

  /** @returns the lease when it is ours. */
  async #takeOrRenew(known: Lease | undefined, signal: AbortSignal): Promise<Lease | undefined> {
    const { clock, identity, name } = this.#options;
    const present = known ?? (await this.#read(signal));
    const now = formatMicroTime(clock.now());
    const mine = { holderIdentity: identity, leaseDurationSeconds: LEASE_MS / 1000, renewTime: now };
    if (present === undefined) {
      const spec = { ...mine, acquireTime: now, leaseTransitions: 0 };
      return this.#limited(signal, (limit) => this.#leases.create({ metadata: { name }, spec }, { signal: limit }));
    }
    if (!this.#isOurs(present) && this.#isHeld(present)) return undefined;
    const { acquireTime, leaseTransitions } = present.spec ?? {};
    const spec = this.#isOurs(present)
      ? { ...present.spec, ...mine, acquireTime: acquireTime ?? now }
      : { ...present.spec, ...mine, acquireTime: now, leaseTransitions: (leaseTransitions ?? 0) + 1 };
    return this.#limited(signal, (limit) => this.#leases.update({ ...present, spec }, { signal: limit }));
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#limited(signal, (limit) => this.#leases.get(this.#options.name, { signal: limit }));
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return undefined;
      throw error;
    }
  }

  #limited<T>(signal: AbortSignal, request: (limit: AbortSignal) => Promise<T>): Promise<T> {
    return withinTime(this.#options.clock, REQUEST_MS, signal, request);
  }

  #isOurs(lease: Lease | undefined): boolean {
    return lease?.spec?.holderIdentity === this.#options.identity;
  }

  #isHeld({ spec = {} }: Lease): boolean {
    const { clock } = this.#options;
    if (!jsonEqual(spec, this.#seen.spec)) this.#seen = { spec, at: clock.monotonic() };
    const duration = (spec.leaseDurationSeconds ?? LEASE_MS / 1000) * 1000;
    return (spec.holderIdentity ?? "") !== "" && clock.monotonic() - this.#seen.at < duration;
  }

  /** So that the next need not wait for the lease to run out. */
  async #release(): Promise<void> {
    const never = new AbortController().signal;
    const now = formatMicroTime(this.#options.clock.now());
    try {
      const lease = this.#lease ?? (await this.#read(never));
      this.#lease = undefined;
      if (!this.#isOurs(lease)) return;
      const { leaseTransitions = 0 } = lease!.spec ?? {};
      const spec = { holderIdentity: "", leaseDurationSeconds: 1, acquireTime: now, renewTime: now, leaseTransitions };
      await this.#limited(never, (limit) => this.#leases.update({ ...lease!, spec }, { signal: limit }));
    } catch (error) {
      // somebody has it already, or the server does not answer: it runs out by itself
      this.#options.logger.debug("cannot release a lease", { lease: this.#options.name, error: messageOf(error) });
    }
  }
}
