import type { Clock, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { AdmissionRequest } from "../contracts.ts";

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

type Phase = "admit" | "validate";

/** By operation, of one phase. */
type Series = Map<string, PhaseSeries>;

/** How long admission takes, as a whole and by plugin, under upstream's names. */
export class AdmissionMetrics {
  readonly #clock: Clock;
  readonly #plugins: Histogram;
  readonly #steps: Histogram;
  readonly #series: Readonly<Record<Phase, Series>> = { admit: new Map(), validate: new Map() };

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock;
    this.#plugins = metrics.histogram(
      "apiserver_admission_controller_admission_duration_seconds",
      "Admission controller latency in seconds, by name, operation and type (admit, validate).",
      SECONDS,
      ["name", "type", "operation", "rejected"],
    );
    this.#steps = metrics.histogram(
      "apiserver_admission_step_admission_duration_seconds",
      "Latency in seconds of all admission controllers together, by operation and type (admit, validate).",
      SECONDS,
      ["type", "operation", "rejected"],
    );
  }

  /** Measures plugins that work one after the other. @param work Tells the name of each that begins. */
  async laps<T>(
    type: Phase,
    { operation }: AdmissionRequest,
    work: (begins: (plugin: string) => void) => Promise<T>,
  ): Promise<T> {
    const series = this.#seriesOf(type, operation);
    let running = "";
    let began = 0;
    const ends = (now: number, rejected: boolean): void => {
      if (running !== "") series.plugin(running, rejected).observe((now - began) / 1000);
    };
    // one look at the clock for each: the end of one is the begin of the next
    const begins = (plugin: string): void => {
      const now = this.#clock.monotonic();
      ends(now, false);
      running = plugin;
      began = now;
    };
    let rejected = true;
    try {
      const result = await work(begins);
      rejected = false;
      return result;
    } finally {
      ends(this.#clock.monotonic(), rejected);
    }
  }

  async step<T>(type: Phase, { operation }: AdmissionRequest, work: () => Promise<T>): Promise<T> {
    const series = this.#seriesOf(type, operation);
    const began = this.#clock.monotonic();
    let rejected = true;
    try {
      const result = await work();
      rejected = false;
      return result;
    } finally {
      series.step(rejected).observe((this.#clock.monotonic() - began) / 1000);
    }
  }

  #seriesOf(type: Phase, operation: string): PhaseSeries {
    let series = this.#series[type].get(operation);
    if (series === undefined) {
      series = new PhaseSeries(
        (name, rejected) => this.#plugins.of({ name, type, operation, rejected }),
        (rejected) => this.#steps.of({ type, operation, rejected }),
      );
      this.#series[type].set(operation, series);
    }
    return series;
  }
}

/** Held, because every write moves one of each plugin. */
class PhaseSeries {
  readonly #ofPlugin: (name: string, rejected: string) => HistogramSeries;
  readonly #ofStep: (rejected: string) => HistogramSeries;
  readonly #passed = new Map<string, HistogramSeries>();
  #step: HistogramSeries | undefined;

  constructor(
    ofPlugin: (name: string, rejected: string) => HistogramSeries,
    ofStep: (rejected: string) => HistogramSeries,
  ) {
    this.#ofPlugin = ofPlugin;
    this.#ofStep = ofStep;
  }

  plugin(name: string, rejected: boolean): HistogramSeries {
    if (rejected) return this.#ofPlugin(name, "true");
    let series = this.#passed.get(name);
    if (series === undefined) this.#passed.set(name, (series = this.#ofPlugin(name, "false")));
    return series;
  }

  step(rejected: boolean): HistogramSeries {
    if (rejected) return this.#ofStep("true");
    return (this.#step ??= this.#ofStep("false"));
  }
}
