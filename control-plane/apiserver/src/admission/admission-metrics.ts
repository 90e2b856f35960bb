import type { Clock, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { AdmissionRequest } from "../contracts.ts";

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

type Phase = "admit" | "validate";

/** By operation, and "<operation> rejected", of one plugin (or of all together) in one phase. */
type Series = Map<string, HistogramSeries>;

/** How long admission takes, as a whole and by plugin, under upstream's names. */
export class AdmissionMetrics {
  readonly #clock: Clock;
  readonly #plugins: Histogram;
  readonly #steps: Histogram;
  /** Held, because every write moves two of each plugin. */
  readonly #ofPlugins: Readonly<Record<Phase, Map<string, Series>>> = { admit: new Map(), validate: new Map() };
  readonly #ofSteps: Readonly<Record<Phase, Series>> = { admit: new Map(), validate: new Map() };

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

  plugin<T>(name: string, type: Phase, { operation }: AdmissionRequest, work: () => Promise<T>): Promise<T> {
    let held = this.#ofPlugins[type].get(name);
    if (held === undefined) this.#ofPlugins[type].set(name, (held = new Map()));
    return this.#measured(held, operation, work, (rejected) => this.#plugins.of({ name, type, operation, rejected }));
  }

  step<T>(type: Phase, { operation }: AdmissionRequest, work: () => Promise<T>): Promise<T> {
    return this.#measured(this.#ofSteps[type], operation, work, (rejected) =>
      this.#steps.of({ type, operation, rejected }),
    );
  }

  async #measured<T>(
    held: Series,
    operation: string,
    work: () => Promise<T>,
    seriesOf: (rejected: string) => HistogramSeries,
  ): Promise<T> {
    const began = this.#clock.monotonic();
    let rejected = "true";
    try {
      const result = await work();
      rejected = "false";
      return result;
    } finally {
      const key = rejected === "false" ? operation : `${operation} rejected`;
      let series = held.get(key);
      if (series === undefined) held.set(key, (series = seriesOf(rejected)));
      series.observe((this.#clock.monotonic() - began) / 1000);
    }
  }
}
