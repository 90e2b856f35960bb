import type { Counter, Gauge } from "@tsukube/foundation";
import { createMetrics } from "./registry.ts";

/** What health checks came to: indicators of the service's level at /metrics/slis, by themselves so that they may be asked for often (KEP-3466). */
export class Slis {
  readonly metrics = createMetrics();
  readonly #last: Gauge;
  readonly #total: Counter;

  constructor() {
    const last = "This metric records the result of a single healthcheck.";
    const total = "This metric records the results of all healthcheck.";
    this.#last = this.metrics.gauge("kubernetes_healthcheck", last, ["name", "type"]);
    this.#total = this.metrics.counter("kubernetes_healthchecks_total", total, ["name", "type", "status"]);
  }

  /** @param type "healthz", "livez" or "readyz". */
  observe(name: string, type: string, isWell: boolean): void {
    this.#last.set(isWell ? 1 : 0, { name, type });
    this.#total.inc({ name, type, status: isWell ? "success" : "error" });
  }
}
