import type { Counter, Histogram, Metrics } from "@tsukube/foundation";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Who decides, and how servers that are asked answer, under upstream's names. */
export class WebhookMetrics {
  readonly decisions: Counter;
  readonly #evaluations: Counter;
  readonly #took: Histogram;
  readonly #failedOpen: Counter;

  constructor(metrics: Metrics) {
    const prefix = "apiserver_authorization_";
    this.decisions = metrics.counter(
      `${prefix}decisions_total`,
      "Total number of terminal decisions made by an authorizer, by its type and name.",
      ["type", "name", "decision"],
    );
    this.#evaluations = metrics.counter(
      `${prefix}webhook_evaluations_total`,
      "Number of requests to authorization webhooks, by name and result.",
      ["name", "result"],
    );
    this.#took = metrics.histogram(
      `${prefix}webhook_duration_seconds`,
      "Latency of requests to authorization webhooks in seconds, by name and result.",
      SECONDS,
      ["name", "result"],
    );
    this.#failedOpen = metrics.counter(
      `${prefix}webhook_evaluations_fail_open_total`,
      "Number of failed requests to authorization webhooks that were left to the others, by name and result.",
      ["name", "result"],
    );
  }

  asked(name: string, result: "success" | "timeout" | "error", ms: number): void {
    this.#evaluations.inc({ name, result });
    this.#took.observe(ms / 1000, { name, result });
  }

  failedOpen(name: string, result: "timeout" | "error"): void {
    this.#failedOpen.inc({ name, result });
  }
}
