import type { Clock, Counter, Histogram, Labels, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

/** How long the store takes for writes, under upstream's names; reads do not reach it. */
export class StorageMetrics {
  readonly #clock: Clock;
  readonly #total: Counter;
  readonly #seconds: Histogram;
  readonly #labels = new Map<string, Labels>();

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    const labels = ["operation", "group", "resource"];
    this.#total = metrics.counter(
      "etcd_requests_total",
      "Number of requests to the store, by operation and kind of object.",
      labels,
    );
    this.#seconds = metrics.histogram(
      "etcd_request_duration_seconds",
      "Latency in seconds of requests to the store, by operation and kind of object.",
      SECONDS,
      labels,
    );
  }

  #labelsOf(operation: string, group: string, resource: string): Labels {
    const key = `${operation} ${group} ${resource}`;
    const labels = this.#labels.get(key) ?? Object.freeze({ operation, group, resource });
    this.#labels.set(key, labels);
    return labels;
  }

  async measured<T>(
    operation: "create" | "update" | "delete",
    { group, resource }: ResourceDefinition,
    work: () => Promise<T>,
  ): Promise<T> {
    const labels = this.#labelsOf(operation, group, resource);
    const began = this.#clock.monotonic();
    this.#total.inc(labels);
    try {
      return await work();
    } finally {
      this.#seconds.observe((this.#clock.monotonic() - began) / 1000, labels);
    }
  }
}
