import type { Counter, CounterSeries, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import type { User } from "../contracts.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
/** Seconds. */
const REMAINING = [
  0,
  HOUR / 2,
  HOUR,
  2 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  4 * DAY,
  7 * DAY,
  30 * DAY,
  90 * DAY,
];
/** From a millisecond to sixteen seconds. */
const SECONDS = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);
const NAMED = new Set(["admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default"]);

/** Who comes, under upstream's names. */
export class AuthenticationMetrics {
  readonly #users: Counter;
  readonly #attempts: Counter;
  readonly #took: Histogram;
  readonly #succeeded: CounterSeries;
  readonly #remaining: Histogram;
  readonly #tookSucceeded: HistogramSeries;
  readonly #series = new Map<string, CounterSeries>();

  constructor(metrics: Metrics) {
    this.#attempts = metrics.counter("authentication_attempts", "Counter of authenticated attempts.", ["result"]);
    this.#succeeded = this.#attempts.of({ result: "success" });
    this.#took = metrics.histogram(
      "authentication_duration_seconds",
      "Authentication duration in seconds broken out by result.",
      SECONDS,
      ["result"],
    );
    this.#tookSucceeded = this.#took.of({ result: "success" });
    this.#users = metrics.counter(
      "authenticated_user_requests",
      "Counter of authenticated requests broken out by username.",
      ["username"],
    );
    this.#remaining = metrics.histogram(
      "apiserver_client_certificate_expiration_seconds",
      "Distribution of the remaining lifetime on the certificate used to authenticate a request.",
      REMAINING,
    );
  }

  /** @param seconds How long it took to know. */
  succeeded({ name }: User, seconds: number): void {
    this.#succeeded.inc();
    this.#tookSucceeded.observe(seconds);
    const shown = shownAs(name);
    let series = this.#series.get(shown);
    if (series === undefined) {
      series = this.#users.of({ username: shown });
      this.#series.set(shown, series);
    }
    series.inc();
  }

  /** @param result "error": of wrong credentials; "failure": there were none. */
  failed(result: "error" | "failure", seconds: number): void {
    this.#attempts.of({ result }).inc();
    this.#took.of({ result }).observe(seconds);
  }

  certificateLasts(seconds: number): void {
    this.#remaining.observe(seconds);
  }
}

/** All names would make too many series. */
function shownAs(name: string): string {
  if (NAMED.has(name)) return name;
  return name.includes("@") ? "email_id" : "other";
}
