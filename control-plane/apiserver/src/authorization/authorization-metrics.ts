import type { CounterSeries, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { AuthorizationDecision } from "../contracts.ts";

/** From a millisecond to sixteen seconds. */
const SECONDS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);
const RESULTS = { allow: "allowed", deny: "denied", "no-opinion": "no-opinion" } as const;

interface Series {
  readonly attempts: CounterSeries;
  readonly took: HistogramSeries;
}

/** Who may, and how long it takes to know, under upstream's names. */
export class AuthorizationMetrics {
  readonly #series: Readonly<Record<AuthorizationDecision["decision"], Series>>;

  constructor(metrics: Metrics) {
    const attempts = metrics.counter(
      "authorization_attempts_total",
      "Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.",
      ["result"],
    );
    const took = metrics.histogram(
      "authorization_duration_seconds",
      "Authorization duration in seconds broken out by result.",
      SECONDS,
      ["result"],
    );
    const of = (decision: AuthorizationDecision["decision"]): Series => {
      const labels = { result: RESULTS[decision] };
      return { attempts: attempts.of(labels), took: took.of(labels) };
    };
    this.#series = { allow: of("allow"), deny: of("deny"), "no-opinion": of("no-opinion") };
  }

  decided(decision: AuthorizationDecision["decision"], seconds: number): void {
    const { attempts, took } = this.#series[decision];
    attempts.inc();
    took.observe(seconds);
  }
}
