import type { Clock, Counter, CounterSeries, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];

interface Series {
  readonly total: CounterSeries;
  readonly seconds: HistogramSeries;
}

/** How long the store takes for writes, under upstream's names; reads do not reach it. */
export class StorageMetrics {
  readonly #clock: Clock;
  readonly #total: Counter;
  readonly #seconds: Histogram;
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
