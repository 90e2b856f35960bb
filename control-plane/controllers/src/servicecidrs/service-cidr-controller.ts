import { ApiError } from "@tsukube/api";
import type { Condition } from "@tsukube/api/types/meta-v1";
import type { IPAddress, ServiceCIDR } from "@tsukube/api/types/networking-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { type ControllerContext, IP_ADDRESSES, SERVICE_CIDRS } from "../context.ts";
import { heldBy } from "./plan.ts";

const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
const READY = "Kubernetes Service CIDR is ready";
const HELD = "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";
/** By then no API server gives out addresses of a range that is to go. */
const GRACE_MS = 10_000;

/** Declares ranges for Services ready, and lets one go only when no Service has an address of it. */
export class ServiceCidrController {
  readonly #context: ControllerContext;
  readonly #ranges: Informer<ServiceCIDR>;
  readonly #addresses: Informer<IPAddress>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#ranges = context.informers.informer<ServiceCIDR>(SERVICE_CIDRS);
    this.#addresses = context.informers.informer<IPAddress>(IP_ADDRESSES);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "ranges",
      startController({ name: "service-cidr", queueName: "ipaddresses", clock, logger, queues, reconcile }),
    );
    const look = (range: ServiceCIDR): void => queue.add(keyOf(range));
    const lookAtAll = (): void => {
      for (const range of this.#ranges.list()) look(range);
    };
    lifetime.add(
      "ServiceCIDRs",
      this.#ranges.onChange({ added: lookAtAll, updated: (_, now) => look(now), deleted: lookAtAll }),
    );
    lifetime.add("IPAddresses", this.#addresses.onChange({ deleted: lookAtAll }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const range = this.#ranges.get(key);
    if (range === undefined) return SETTLED;
    try {
      return range.metadata?.deletionTimestamp === undefined ? await this.#keep(range) : await this.#release(range);
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return SETTLED;
      throw error;
    }
  }

  async #keep(range: ServiceCIDR): Promise<Outcome> {
    const finalizers = range.metadata?.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) {
      await this.#client.update({ ...range, metadata: { ...range.metadata, finalizers: [...finalizers, FINALIZER] } });
      return SETTLED; // the change brings it here again
    }
    await this.#report(range, { status: "True", reason: "", message: READY });
    return SETTLED;
  }

  async #release(range: ServiceCIDR): Promise<Outcome> {
    const finalizers = range.metadata?.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) return SETTLED;
    const others = this.#ranges.list().filter(({ metadata }) => metadata?.uid !== range.metadata?.uid);
    if (heldBy(range, others, this.#addresses.list()).length > 0) {
      await this.#report(range, { status: "False", reason: "Terminating", message: HELD });
      return SETTLED;
    }
    const since = this.#context.clock.now() - Date.parse(range.metadata?.deletionTimestamp ?? "");
    if (since < GRACE_MS) return { recheckAfterMs: GRACE_MS - since };
    const left = finalizers.filter((finalizer) => finalizer !== FINALIZER);
    await this.#client.update({ ...range, metadata: { ...range.metadata, finalizers: left } });
    return SETTLED;
  }

  get #client() {
    return this.#context.client.resource<ServiceCIDR>(SERVICE_CIDRS);
  }

  async #report(range: ServiceCIDR, state: Pick<Condition, "status" | "reason" | "message">): Promise<void> {
    const conditions = range.status?.conditions ?? [];
    const before = conditions.find(({ type }) => type === "Ready");
    if (before?.status === state.status && before.reason === state.reason && before.message === state.message) return;
    const now = formatTime(this.#context.clock.now());
    const lastTransitionTime = before?.status === state.status ? (before.lastTransitionTime ?? now) : now;
    const ready = { type: "Ready", lastTransitionTime, ...state };
    const others = conditions.filter(({ type }) => type !== "Ready");
    await this.#client.updateStatus({ ...range, status: { conditions: [...others, ready] } });
  }
}
