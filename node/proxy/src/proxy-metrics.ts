import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import type { Clock, Counter, Gauge, Histogram, Metrics } from "@tsukube/foundation";
import type { IpFamily } from "@tsukube/foundation/ip-network";

/** When that changed of which a slice tells. */
const TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time";

const SYNC_SECONDS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);

const range = (first: number, step: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first + index * step);
const PROGRAMMING_SECONDS = [0.25, 0.5, ...range(1, 1, 59), ...range(60, 5, 12), ...range(120, 30, 7)];

/** What the proxy does, under the names of upstream's. */
export class ProxyMetrics {
  readonly #clock: Clock;
  readonly #families: readonly { readonly ip_family: IpFamily }[];
  readonly #changes: Readonly<Record<"service" | "endpoint", { readonly total: Counter; readonly pending: Gauge }>>;
  readonly #took: Histogram;
  readonly #fullTook: Histogram;
  readonly #partialTook: Histogram;
  readonly #programming: Histogram;
  readonly #failures: Counter;
  readonly #queuedAt: Gauge;
  readonly #writtenAt: Gauge;
  #triggers: { readonly family: IpFamily; readonly at: number }[] = [];

  constructor(metrics: Metrics, clock: Clock, families: readonly IpFamily[]) {
    this.#clock = clock;
    this.#families = families.map((family) => Object.freeze({ ip_family: family }));
    const changes = (what: "Service" | "Endpoint") => {
      const name = `kubeproxy_sync_proxy_rules_${what.toLowerCase()}_changes`;
      const pending = metrics.gauge(`${name}_pending`, `Pending proxy rules ${what} changes`);
      const total = metrics.counter(`${name}_total`, `Cumulative proxy rules ${what} changes`);
      pending.set(0);
      total.inc(undefined, 0);
      return { pending, total };
    };
    this.#changes = { service: changes("Service"), endpoint: changes("Endpoint") };
    const histogram = (name: string, help: string, buckets = SYNC_SECONDS) =>
      metrics.histogram(`kubeproxy_${name}_duration_seconds`, help, buckets, ["ip_family"]);
    this.#took = histogram("sync_proxy_rules", "SyncProxyRules latency in seconds");
    this.#fullTook = histogram("sync_full_proxy_rules", "SyncProxyRules latency in seconds for full resyncs");
    this.#partialTook = histogram("sync_partial_proxy_rules", "SyncProxyRules latency in seconds for partial resyncs");
    const programmed = "In Cluster Network Programming Latency in seconds";
    this.#programming = histogram("network_programming", programmed, [...PROGRAMMING_SECONDS]);
    const rules = "kubeproxy_sync_proxy_rules";
    const failed = "Cumulative proxy nftables sync failures";
    this.#failures = metrics.counter(`${rules}_nftables_sync_failures_total`, failed, ["ip_family"]);
    for (const labels of this.#families) this.#failures.inc(labels, 0);
    const queued = "The last time a sync of proxy rules was queued";
    this.#queuedAt = metrics.gauge(`${rules}_last_queued_timestamp_seconds`, queued, ["ip_family"]);
    const written = "The last time proxy rules were successfully synced";
    this.#writtenAt = metrics.gauge(`${rules}_last_timestamp_seconds`, written, ["ip_family"]);
  }

  changed(what: "service" | "endpoint"): void {
    const { total, pending } = this.#changes[what];
    total.inc();
    pending.add(1);
  }

  /** A slice is new or changed. */
  triggered({ metadata, addressType }: EndpointSlice, before?: EndpointSlice): void {
    const at = metadata?.annotations?.[TRIGGER_TIME];
    if (at === undefined || at === before?.metadata?.annotations?.[TRIGGER_TIME]) return;
    const family = this.#families.find(({ ip_family }) => ip_family === addressType)?.ip_family;
    const ms = Date.parse(at); // of whoever writes slices: it may be none
    if (family !== undefined && !Number.isNaN(ms)) this.#triggers.push({ family, at: ms });
  }

  queued(): void {
    for (const labels of this.#families) this.#queuedAt.set(this.#clock.now() / 1000, labels);
  }

  /** The writing begins of all that has changed so far. @returns is told how it ends. */
  begin(isFull: boolean): (isWritten: boolean) => void {
    const began = this.#clock.monotonic();
    const triggers = this.#triggers;
    this.#triggers = [];
    for (const { pending } of Object.values(this.#changes)) pending.set(0);
    return (isWritten) => {
      const seconds = (this.#clock.monotonic() - began) / 1000;
      for (const labels of this.#families) {
        this.#took.observe(seconds, labels);
        (isFull ? this.#fullTook : this.#partialTook).observe(seconds, labels);
        if (isWritten) this.#writtenAt.set(this.#clock.now() / 1000, labels);
        else this.#failures.inc(labels);
      }
      if (!isWritten) this.#triggers.unshift(...triggers);
      else
        for (const { family, at } of triggers)
          this.#programming.observe((this.#clock.now() - at) / 1000, { ip_family: family });
    };
  }
}
