import type { Clock, Gauge, Histogram, Metrics } from "@tsukube/foundation";
import { identityOf } from "../../bootstrap/identity-lease.ts";
import { metricHash } from "../../configuration/reload-metrics.ts";

const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Which issuers' tokens come, and whether their keys could be fetched, under upstream's names. */
export class JwtMetrics {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #latency: Histogram;
  readonly #fetchedAt: Gauge;
  /** By issuer. */
  readonly #keySets = new Map<string, string>();

  /** @param hostname Of the machine: what the server's Lease is named by. */
  constructor(metrics: Metrics, clock: Clock, hostname: string) {
    this.#clock = clock;
    this.#server = metricHash(identityOf(hostname));
    const prefix = "apiserver_authentication_jwt_authenticator_";
    this.#latency = metrics.histogram(
      `${prefix}latency_seconds`,
      "Latency of jwt authentication operations in seconds, by result and issuer.",
      SECONDS,
      ["result", "jwt_issuer_hash"],
    );
    this.#fetchedAt = metrics.gauge(
      `${prefix}jwks_fetch_last_timestamp_seconds`,
      "Timestamp of the last successful or failed JWKS fetch, by result, server and issuer.",
      ["result", "jwt_issuer_hash", "apiserver_id_hash"],
    );
    metrics.collected(
      `${prefix}jwks_fetch_last_key_set_info`,
      "Hash of the last JWKS that was fetched, by issuer.",
      () => [...this.#keySets].map(([issuer, hash]) => [{ ...this.#labels(issuer), hash }, 1] as const),
    );
  }

  took(issuer: string, result: "success" | "failure", ms: number): void {
    this.#latency.observe(ms / 1000, { result, jwt_issuer_hash: metricHash(issuer) });
  }

  /** @param keys undefined: they could not be fetched. */
  fetched(issuer: string, keys: Buffer | undefined): void {
    const result = keys === undefined ? "failure" : "success";
    this.#fetchedAt.set(this.#clock.now() / 1000, { result, ...this.#labels(issuer) });
    if (keys !== undefined) this.#keySets.set(issuer, metricHash(keys.toString()));
  }

  forget(issuer: string): void {
    this.#keySets.delete(issuer);
  }

  #labels(issuer: string): Readonly<Record<string, string>> {
    return { jwt_issuer_hash: metricHash(issuer), apiserver_id_hash: this.#server };
  }
}
