import type { Clock, Counter, CounterSeries, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

interface Series {
  readonly total: CounterSeries;
  readonly seconds: HistogramSeries;
}

/** How long the store takes for writes, and how long reads wait for its news, under upstream's names. */
export class StorageMetrics {
  readonly #clock: Clock;
  readonly #total: Counter;
  readonly #seconds: Histogram;
  readonly #waits: Histogram;
  readonly #held = new Map<string, Series>();

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
    this.#waits = metrics.histogram(
      "apiserver_watch_cache_read_wait_seconds",
      "Histogram of time spent waiting for a watch cache to become fresh.",
      SECONDS.slice(0, 13),
      ["group", "resource"],
    );
  }

  /** A read that waits until the cache is at a revision. */
  async waited<T>({ group, resource }: ResourceDefinition, work: () => Promise<T>): Promise<T> {
    const began = this.#clock.monotonic();
    try {
      return await work();
    } finally {
      this.#waits.observe((this.#clock.monotonic() - began) / 1000, { group, resource });
    }
  }

  #seriesOf(operation: string, group: string, resource: string): Series {
    const key = `${operation} ${group} ${resource}`;
    let series = this.#held.get(key);
    if (series === undefined) {
      const labels = { operation, group, resource };
      series = { total: this.#total.of(labels), seconds: this.#seconds.of(labels) };
      this.#held.set(key, series);
    }
    return series;
  }

  async measured<T>(
    operation: "create" | "update" | "delete",
    { group, resource }: ResourceDefinition,
    work: () => Promise<T>,
  ): Promise<T> {
    const { total, seconds } = this.#seriesOf(operation, group, resource);
    const began = this.#clock.monotonic();
    total.inc();
    try {
      return await work();
    } finally {
      seconds.observe((this.#clock.monotonic() - began) / 1000);
    }
  }
}
