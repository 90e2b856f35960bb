import type { Clock, Counter, CounterSeries, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { Key } from "./types.ts";

/** From ten nanoseconds to ten seconds. */
const SECONDS = Array.from({ length: 10 }, (_, power) => 10 ** (power - 8));

/** What work queues hold and how long their keys wait and take, under client-go's names. One for a registry of metrics. */
export class QueueMetrics {
  readonly #clock: Clock;
  readonly #adds: Counter;
  readonly #retries: Counter;
  readonly #waited: Histogram;
  readonly #took: Histogram;
  readonly #named = new Map<string, Named>();

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    const labels = ["name"];
    this.#adds = metrics.counter("workqueue_adds_total", "Total number of adds handled by workqueue", labels);
    this.#retries = metrics.counter("workqueue_retries_total", "Total number of retries handled by workqueue", labels);
    this.#waited = metrics.histogram(
      "workqueue_queue_duration_seconds",
      "How long in seconds an item stays in workqueue before being requested.",
      SECONDS,
      labels,
    );
    this.#took = metrics.histogram(
      "workqueue_work_duration_seconds",
      "How long in seconds processing an item from workqueue takes.",
      SECONDS,
      labels,
    );
    const ofEach = (read: (queues: readonly MeasuredQueue[]) => number) => () =>
      [...this.#named].map(([name, { queues }]) => [{ name }, read([...queues])] as const);
    metrics.collected(
      "workqueue_depth",
      "Current depth of workqueue",
      ofEach((queues) => sum(queues.map(({ waiting }) => waiting))),
    );
    metrics.collected(
      "workqueue_unfinished_work_seconds",
      "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
      ofEach((queues) => sum(queues.flatMap((queue) => queue.underWay()))),
    );
    metrics.collected(
      "workqueue_longest_running_processor_seconds",
      "How many seconds has the longest running processor for workqueue been running.",
      ofEach((queues) => Math.max(0, ...queues.flatMap((queue) => queue.underWay()))),
    );
  }

  /** For one queue, of whose keys others know nothing; queues of the same name are counted and shown together. */
  of(name: string): MeasuredQueue {
    const { series, queues } = this.#ofName(name);
    const queue = new MeasuredQueue(this.#clock, series, () => queues.delete(queue));
    queues.add(queue);
    return queue;
  }

  #ofName(name: string): Named {
    const known = this.#named.get(name);
    if (known !== undefined) return known;
    const series = {
      ...{ adds: this.#adds.of({ name }), retries: this.#retries.of({ name }) },
      ...{ waited: this.#waited.of({ name }), took: this.#took.of({ name }) },
    };
    const named = { series, queues: new Set<MeasuredQueue>() };
    this.#named.set(name, named);
    return named;
  }
}

interface Named {
  readonly series: Series;
  /** Those that are not closed. */
  readonly queues: Set<MeasuredQueue>;
}

interface Series {
  readonly adds: CounterSeries;
  readonly retries: CounterSeries;
  readonly waited: HistogramSeries;
  readonly took: HistogramSeries;
}

/** What a queue tells of its keys. */
export class MeasuredQueue {
  readonly #clock: Clock;
  readonly #series: Series;
  readonly #leave: () => void;
  /** When they came, and when they were taken; in ms. */
  readonly #addedAt = new Map<Key, number>();
  readonly #takenAt = new Map<Key, number>();

  constructor(clock: Clock, series: Series, leave: () => void) {
    this.#clock = clock;
    this.#series = series;
    this.#leave = leave;
  }

  /** A key that came again while it is being worked on does not wait yet. */
  get waiting(): number {
    return [...this.#addedAt.keys()].filter((key) => !this.#takenAt.has(key)).length;
  }

  /** How long each key under way has taken so far, in seconds. */
  underWay(): readonly number[] {
    const now = this.#clock.monotonic();
    return [...this.#takenAt.values()].map((since) => (now - since) / 1000);
  }

  added(key: Key): void {
    this.#series.adds.inc();
    this.#addedAt.set(key, this.#clock.monotonic());
  }

  taken(key: Key): void {
    const now = this.#clock.monotonic();
    this.#series.waited.observe((now - (this.#addedAt.get(key) ?? now)) / 1000);
    this.#addedAt.delete(key);
    this.#takenAt.set(key, now);
  }

  done(key: Key): void {
    const now = this.#clock.monotonic();
    this.#series.took.observe((now - (this.#takenAt.get(key) ?? now)) / 1000);
    this.#takenAt.delete(key);
  }

  retried(): void {
    this.#series.retries.inc();
  }

  /** The queue is closed: nothing waits any more, and it is shown no longer. */
  closed(): void {
    this.#addedAt.clear();
    this.#leave();
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
