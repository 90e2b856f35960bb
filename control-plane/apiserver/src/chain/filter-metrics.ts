import type { Clock, HistogramSeries, Metrics } from "@tsukube/foundation";

const SECONDS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5, 10, 15, 30];

/** What a request passes before it is answered, as upstream calls it. */
export type Filter =
  | "authentication"
  | "audit"
  | "constrainedimpersonation"
  | "impersonation"
  | "priorityandfairness"
  | "authorization";

/** How long requests take to pass what is before the endpoints, under upstream's name. */
export class FilterMetrics {
  readonly #clock: Clock;
  readonly #series: (filter: Filter) => HistogramSeries;

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    const seconds = metrics.histogram(
      "apiserver_request_filter_duration_seconds",
      "Request filter latency distribution in seconds, for each filter type",
      SECONDS,
      ["filter"],
    );
    const held = new Map<Filter, HistogramSeries>();
    this.#series = (filter) => {
      let series = held.get(filter);
      if (series === undefined) held.set(filter, (series = seconds.of({ filter })));
      return series;
    };
  }

  /** @param began By the monotonic clock. @returns now. */
  passed(filter: Filter, began: number): number {
    const now = this.#clock.monotonic();
    this.#series(filter).observe((now - began) / 1000);
    return now;
  }
}
