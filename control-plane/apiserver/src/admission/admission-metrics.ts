import type { Clock, Histogram, Labels, Metrics } from "@tsukube/foundation";
import type { AdmissionRequest } from "../contracts.ts";

const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

type Phase = "admit" | "validate";

interface Measured {
  readonly name?: string;
  readonly type: Phase;
  readonly operation: string;
}

/** How long admission takes, as a whole and by plugin, under upstream's names. */
export class AdmissionMetrics {
  readonly #clock: Clock;
  readonly #plugins: Histogram;
  readonly #steps: Histogram;
  readonly #labels = new Map<string, Labels>();

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
    return this.#measured(this.#plugins, { name, type, operation }, work);
  }

  step<T>(type: Phase, { operation }: AdmissionRequest, work: () => Promise<T>): Promise<T> {
    return this.#measured(this.#steps, { type, operation }, work);
  }

  async #measured<T>(histogram: Histogram, of: Measured, work: () => Promise<T>): Promise<T> {
    const began = this.#clock.monotonic();
    let rejected = "true";
    try {
      const result = await work();
      rejected = "false";
      return result;
    } finally {
      histogram.observe((this.#clock.monotonic() - began) / 1000, this.#labelsOf(of, rejected));
    }
  }

  #labelsOf({ name = "", type, operation }: Measured, rejected: string): Labels {
    const key = `${name} ${type} ${operation} ${rejected}`;
    let labels = this.#labels.get(key);
    if (labels === undefined) {
      labels = Object.freeze({ ...(name !== "" && { name }), type, operation, rejected });
      this.#labels.set(key, labels);
    }
    return labels;
  }
}
