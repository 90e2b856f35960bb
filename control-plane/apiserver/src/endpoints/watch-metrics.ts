import type { Counter, CounterSeries, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";

const BYTES = Array.from({ length: 8 }, (_, power) => 1024 * 2 ** power);
const LIST_SECONDS = [
  0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300,
];
const LABELS = ["group", "version", "resource"];

/** What watches of one resource send. */
export interface WatchSeries {
  readonly events: CounterSeries;
  readonly sizes: HistogramSeries;
  /** Objects that a watch begins with. */
  readonly initial: CounterSeries;
  /** How long it took until a streamed list was whole, in seconds. */
  listed(seconds: number, scope: string): void;
}

/** Events that watches send, under upstream's names. */
export class WatchMetrics {
  readonly #events: Counter;
  readonly #sizes: Histogram;
  readonly #initial: Counter;
  readonly #listed: Histogram;
  readonly #series = new WeakMap<ResourceDefinition, WatchSeries>();

  constructor(metrics: Metrics) {
    this.#events = metrics.counter("apiserver_watch_events_total", "Number of events sent in watch clients", LABELS);
    this.#sizes = metrics.histogram(
      "apiserver_watch_events_sizes",
      "Watch event size distribution in bytes",
      BYTES,
      LABELS,
    );
    this.#initial = metrics.counter(
      "apiserver_init_events_total",
      "Counter of init events processed in watch cache broken by resource type.",
      ["group", "resource"],
    );
    this.#listed = metrics.histogram(
      "apiserver_watch_list_duration_seconds",
      "Response latency distribution in seconds for watch list requests broken by group, version, resource and scope.",
      LIST_SECONDS,
      [...LABELS, "scope"],
    );
  }

  of(definition: ResourceDefinition): WatchSeries {
    let series = this.#series.get(definition);
    if (series === undefined) {
      const { group, version, resource } = definition;
      const labels = { group, version, resource };
      series = {
        ...{ events: this.#events.of(labels), sizes: this.#sizes.of(labels) },
        initial: this.#initial.of({ group, resource }),
        listed: (seconds, scope) => this.#listed.observe(seconds, { ...labels, scope }),
      };
      this.#series.set(definition, series);
    }
    return series;
  }
}
