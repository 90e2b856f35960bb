import type { Counter, CounterSeries, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";

const BYTES = Array.from({ length: 8 }, (_, power) => 1024 * 2 ** power);
const LABELS = ["group", "version", "resource"];

/** What watches of one resource send. */
export interface WatchSeries {
  readonly events: CounterSeries;
  readonly sizes: HistogramSeries;
}

/** Events that watches send, under upstream's names. */
export class WatchMetrics {
  readonly #events: Counter;
  readonly #sizes: Histogram;
  readonly #series = new WeakMap<ResourceDefinition, WatchSeries>();

  constructor(metrics: Metrics) {
    this.#events = metrics.counter("apiserver_watch_events_total", "Number of events sent in watch clients", LABELS);
    this.#sizes = metrics.histogram(
      "apiserver_watch_events_sizes",
      "Watch event size distribution in bytes",
      BYTES,
      LABELS,
    );
  }

  of(definition: ResourceDefinition): WatchSeries {
    let series = this.#series.get(definition);
    if (series === undefined) {
      const { group, version, resource } = definition;
      const labels = { group, version, resource };
      series = { events: this.#events.of(labels), sizes: this.#sizes.of(labels) };
      this.#series.set(definition, series);
    }
    return series;
  }
}
