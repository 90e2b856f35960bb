import { createHash } from "node:crypto";
import type { Clock, Counter, Gauge, Metrics } from "@tsukube/foundation";
import { identityOf } from "../bootstrap/identity-lease.ts";

/** Which configuration is in force, and how often it was changed while the server runs, under upstream's names. */
export class ReloadMetrics {
  readonly #clock: Clock;
  readonly #server: Readonly<Record<string, string>>;
  readonly #reloads: Counter;
  readonly #reloadedAt: Gauge;
  #configuration: string | undefined;

  /** @param what "encryption". @param hostname Of the machine: what the server's Lease is named by. */
  constructor(what: string, metrics: Metrics, clock: Clock, hostname: string) {
    this.#clock = clock;
    this.#server = { apiserver_id_hash: metricHash(identityOf(hostname)) };
    const prefix = `apiserver_${what}_config_controller_`;
    this.#reloads = metrics.counter(
      `${prefix}automatic_reloads_total`,
      `Total number of changed ${what} configurations that were taken, or could not be.`,
      ["status", "apiserver_id_hash"],
    );
    this.#reloadedAt = metrics.gauge(
      `${prefix}automatic_reload_last_timestamp_seconds`,
      `Timestamp of the last changed ${what} configuration that was taken, or could not be.`,
      ["status", "apiserver_id_hash"],
    );
    metrics.collected(`${prefix}last_config_info`, `Hash of the ${what} configuration that was applied last.`, () =>
      this.#configuration === undefined ? [] : [[{ ...this.#server, hash: this.#configuration }, 1] as const],
    );
  }

  /** A configuration that is gone by from the start. */
  began(text: string): void {
    this.#configuration = metricHash(text);
  }

  reloaded(text: string | undefined): void {
    if (text !== undefined) this.began(text);
    this.#note("success");
  }

  failedToReload(): void {
    this.#note("failure");
  }

  #note(status: "success" | "failure"): void {
    const labels = { status, ...this.#server };
    this.#reloads.inc(labels);
    this.#reloadedAt.set(this.#clock.now() / 1000, labels);
  }
}

/** In place of what metrics do not tell. */
export function metricHash(text: string): string {
  return text === "" ? "" : `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
