import type { Counter, Histogram, Metrics } from "@tsukube/foundation";
import type { WebhookResult } from "../configuration/webhook-call.ts";

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const MATCH_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25];

/** Who decides, and how servers that are asked answer, under upstream's names. */
export class WebhookMetrics {
  readonly decisions: Counter;
  /** By conditions: what was left out, and what could not be told. */
  readonly excluded: Counter;
  readonly unmatched: Counter;
  readonly #matchTook: Histogram;
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
    this.excluded = metrics.counter(
      `${prefix}match_condition_exclusions_total`,
      "Total number of requests that match conditions left out, by the authorizer's type and name.",
      ["type", "name"],
    );
    this.unmatched = metrics.counter(
      `${prefix}match_condition_evaluation_errors_total`,
      "Total number of requests of which match conditions had no value, by the authorizer's type and name.",
      ["type", "name"],
    );
    this.#matchTook = metrics.histogram(
      `${prefix}match_condition_evaluation_seconds`,
      "Time of match conditions in seconds, by the authorizer's type and name.",
      MATCH_SECONDS,
      ["type", "name"],
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

  matched(name: string, ms: number): void {
    this.#matchTook.observe(ms / 1000, { type: "Webhook", name });
  }

  asked(name: string, result: WebhookResult, ms: number): void {
    this.#evaluations.inc({ name, result });
    this.#took.observe(ms / 1000, { name, result });
  }

  failedOpen(name: string, result: WebhookResult): void {
    this.#failedOpen.inc({ name, result });
  }
}
