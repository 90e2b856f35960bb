import type {
  Counter,
  CounterSeries,
  Gauge,
  GaugeSeries,
  Histogram,
  HistogramSeries,
  Metrics,
} from "@tsukube/foundation";
import type { SeatDemand } from "./seat-demand.ts";

const SECONDS = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const LENGTHS = [0, 10, 25, 50, 100, 250, 500, 1000];
const SEATS = [1, 2, 4, 8, 16, 32, 64, 100];
const LEVEL = ["priority_level"];
const FLOW = ["priority_level", "flow_schema"];

/** Why a request is refused. */
export type Refusal = "concurrency-limit" | "queue-full" | "time-out";

/** The series that requests of one FlowSchema move. */
export interface FlowSeries {
  readonly dispatched: CounterSeries;
  readonly executing: GaugeSeries;
  readonly executingSeats: GaugeSeries;
  readonly waiting: GaugeSeries;
  readonly waitingSeats: GaugeSeries;
  readonly queueLength: HistogramSeries;
  readonly seats: HistogramSeries;
  /** In seconds; absent where nothing ever waits. */
  readonly waited: HistogramSeries;
  readonly executed: HistogramSeries;
  readonly watched: HistogramSeries;
}

/** Seats of a priority level: what it is due, and between what it varies. */
export interface SeatLimits {
  readonly nominal: number;
  readonly least: number;
  readonly most: number;
}

/** What API Priority and Fairness does, under upstream's names (apiserver_flowcontrol_*). */
export class FlowMetrics {
  readonly #refused: Counter;
  readonly #dispatched: Counter;
  readonly #executing: Gauge;
  readonly #executingSeats: Gauge;
  readonly #waiting: Gauge;
  readonly #waitingSeats: Gauge;
  readonly #queueLength: Histogram;
  readonly #waited: Histogram;
  readonly #executed: Histogram;
  readonly #seats: Histogram;
  readonly #unaccommodated: Counter;
  readonly #limits: Readonly<Record<"nominal" | "lower" | "upper" | "current", Gauge>>;
  readonly #demand: Readonly<Record<"high_watermark" | "average" | "stdev" | "smoothed", Gauge>>;
  readonly #target: Gauge;
  readonly #fraction: Gauge;

  constructor(metrics: Metrics) {
    const counter = (name: string, help: string, labels: readonly string[]): Counter =>
      metrics.counter(`apiserver_flowcontrol_${name}`, help, labels);
    const gauge = (name: string, help: string, labels: readonly string[]): Gauge =>
      metrics.gauge(`apiserver_flowcontrol_${name}`, help, labels);
    const histogram = (name: string, help: string, buckets: readonly number[], labels: readonly string[]): Histogram =>
      metrics.histogram(`apiserver_flowcontrol_${name}`, help, buckets, labels);
    this.#refused = counter("rejected_requests_total", "Requests that were refused, by reason.", [...FLOW, "reason"]);
    this.#dispatched = counter("dispatched_requests_total", "Requests that got their seats.", FLOW);
    this.#executing = gauge("current_executing_requests", "Requests that hold seats.", FLOW);
    this.#executingSeats = gauge("current_executing_seats", "Seats that requests hold.", FLOW);
    this.#waiting = gauge("current_inqueue_requests", "Requests that wait in queues.", FLOW);
    this.#waitingSeats = gauge("current_inqueue_seats", "Seats that requests in queues wait for.", FLOW);
    this.#queueLength = histogram(
      "request_queue_length_after_enqueue",
      "Length of the queue that a request came into, with it.",
      LENGTHS,
      FLOW,
    );
    this.#waited = histogram("request_wait_duration_seconds", "How long requests waited for their seats.", SECONDS, [
      ...FLOW,
      "execute",
    ]);
    this.#executed = histogram("request_execution_seconds", "How long requests held their seats.", SECONDS, [
      ...FLOW,
      "type",
    ]);
    this.#seats = histogram("work_estimated_seats", "Seats that requests were estimated to need.", SEATS, FLOW);
    this.#unaccommodated = counter(
      "request_dispatch_no_accommodation_total",
      "How often the next request in turn had to wait for more seats than were free.",
      FLOW,
    );
    this.#limits = {
      nominal: gauge("nominal_limit_seats", "Seats that a priority level is due.", LEVEL),
      lower: gauge("lower_limit_seats", "Seats that a priority level keeps whatever it lends.", LEVEL),
      upper: gauge("upper_limit_seats", "Seats that a priority level has at most with what it borrows.", LEVEL),
      current: gauge("current_limit_seats", "Seats that a priority level has now.", LEVEL),
    };
    this.#demand = {
      high_watermark: gauge("demand_seats_high_watermark", "Most seats that were wanted in the last period.", LEVEL),
      average: gauge("demand_seats_average", "Seats that were wanted on average in the last period.", LEVEL),
      stdev: gauge("demand_seats_stdev", "Standard deviation of the seats wanted in the last period.", LEVEL),
      smoothed: gauge("demand_seats_smoothed", "Seats that were wanted, smoothed over periods.", LEVEL),
    };
    this.#target = gauge("target_seats", "Seats that a priority level is to have in proportion.", LEVEL);
    this.#fraction = gauge("seat_fair_frac", "What each priority level gets of its target.", []);
  }

  seriesOf(level: string, schema: string): FlowSeries {
    const labels = flowLabels(level, schema);
    const waited = this.#waited.of({ ...labels, execute: "true" });
    return {
      dispatched: this.#dispatched.of(labels),
      executing: this.#executing.of(labels),
      executingSeats: this.#executingSeats.of(labels),
      waiting: this.#waiting.of(labels),
      waitingSeats: this.#waitingSeats.of(labels),
      queueLength: this.#queueLength.of(labels),
      seats: this.#seats.of(labels),
      waited,
      executed: this.#executed.of({ ...labels, type: "regular" }),
      watched: this.#executed.of({ ...labels, type: "watch" }),
    };
  }

  /** @param ms How long it had waited. */
  refuse(level: string, schema: string, reason: Refusal, ms: number): void {
    const labels = flowLabels(level, schema);
    this.#refused.inc({ ...labels, reason });
    this.#waited.observe(ms / 1000, { ...labels, execute: "false" });
  }

  unaccommodated(level: string, schema: string): void {
    this.#unaccommodated.inc(flowLabels(level, schema));
  }

  limits(level: string, { nominal, least, most }: SeatLimits): void {
    const labels = { priority_level: level };
    this.#limits.nominal.set(nominal, labels);
    this.#limits.lower.set(least, labels);
    this.#limits.upper.set(most, labels);
  }

  /** What came of a period. */
  rebalanced(level: string, demand: SeatDemand, target: number, current: number): void {
    const labels = { priority_level: level };
    this.#demand.high_watermark.set(demand.high, labels);
    this.#demand.average.set(demand.average, labels);
    this.#demand.stdev.set(demand.deviation, labels);
    this.#demand.smoothed.set(demand.smoothed, labels);
    this.#target.set(target, labels);
    this.#limits.current.set(current, labels);
  }

  fraction(value: number): void {
    this.#fraction.set(value);
  }
}

function flowLabels(level: string, schema: string) {
  return { priority_level: level, flow_schema: schema } as const;
}
