import type { Clock, Counter, CounterSeries, Gauge, Histogram, HistogramSeries, Metrics } from "@tsukube/foundation";
import { identityOf } from "../../bootstrap/identity-lease.ts";
import { metricHash, ReloadMetrics } from "../../configuration/reload-metrics.ts";

export type Direction = "from_storage" | "to_storage";

const doubling = (first: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first * 2 ** index);

const CIPHER_SECONDS = doubling(5e-6, 25);
const SEED_SECONDS = doubling(5e-6, 14);
const KMS_SECONDS = doubling(1e-4, 20);

/** Keys of a KMS of which is told how often and when they were used: those used last. */
const KEYS_TOLD = 100;

interface KeyUse {
  readonly labels: Readonly<Record<string, string>>;
  count: number;
  at: number;
}

interface Series {
  readonly ok: CounterSeries;
  readonly seconds: HistogramSeries;
}

/** What encryption does, under upstream's names. */
export class EncryptionMetrics {
  readonly #clock: Clock;
  readonly #server: string;
  readonly #operations: Counter;
  readonly #seconds: Histogram;
  readonly #misses: CounterSeries;
  readonly #seedSeconds: Histogram;
  readonly #kmsSeconds: Histogram;
  readonly #invalidKeys: Counter;
  readonly #cacheSize: Gauge;
  readonly #reloading: ReloadMetrics;
  readonly #uses = new Map<string, KeyUse>();
  readonly #told = new Map<string, KeyUse>();
  readonly #held = new Map<string, Series>();

  /** @param hostname Of the machine: what the server's Lease is named by. */
  constructor(metrics: Metrics, clock: Clock, hostname: string) {
    this.#clock = clock;
    this.#server = metricHash(identityOf(hostname));
    const STORAGE = "apiserver_storage_";
    this.#operations = metrics.counter(
      `${STORAGE}transformation_operations_total`,
      "Total number of values encrypted and decrypted, by resource, direction, prefix and outcome.",
      ["resource", "transformation_type", "transformer_prefix", "status"],
    );
    this.#seconds = metrics.histogram(
      `${STORAGE}transformation_duration_seconds`,
      "Latencies in seconds of encrypting and decrypting values.",
      CIPHER_SECONDS,
      ["transformation_type", "transformer_prefix"],
    );
    this.#misses = metrics
      .counter(
        `${STORAGE}envelope_transformation_cache_misses_total`,
        "Total number of values whose data key a KMS had to decrypt first.",
      )
      .of({});
    this.#seedSeconds = metrics.histogram(
      `${STORAGE}data_key_generation_duration_seconds`,
      "Latencies in seconds of making data keys.",
      SEED_SECONDS,
    );
    const ENVELOPE = "apiserver_envelope_encryption_";
    this.#kmsSeconds = metrics.histogram(
      `${ENVELOPE}kms_operations_latency_seconds`,
      "Latencies in seconds of calls to a KMS plugin, by gRPC status.",
      KMS_SECONDS,
      ["provider_name", "method_name", "grpc_status_code"],
    );
    this.#invalidKeys = metrics.counter(
      `${ENVELOPE}invalid_key_id_from_status_total`,
      "Number of times a KMS plugin named an invalid key.",
      ["provider_name", "error"],
    );
    this.#cacheSize = metrics.gauge(
      `${ENVELOPE}dek_source_cache_size`,
      "Number of data keys that are known decrypted.",
      ["provider_name"],
    );
    const uses = this.#uses;
    const told = this.#told;
    metrics.collected(
      `${ENVELOPE}key_id_hash_total`,
      "Number of times a key of a KMS was used, by direction.",
      () => Array.from(uses.values(), ({ labels, count }) => [labels, count] as const),
      "counter",
    );
    metrics.collected(
      `${ENVELOPE}key_id_hash_last_timestamp_seconds`,
      "The last time in seconds when a key of a KMS was used.",
      () => Array.from(uses.values(), ({ labels, at }) => [labels, at / 1000] as const),
    );
    metrics.collected(
      `${ENVELOPE}key_id_hash_status_last_timestamp_seconds`,
      "The last time in seconds when a KMS plugin named a key as its own.",
      () => Array.from(told.values(), ({ labels, at }) => [labels, at / 1000] as const),
    );
    this.#reloading = new ReloadMetrics("encryption", metrics, clock, hostname);
  }

  get #ofServer() {
    return { apiserver_id_hash: this.#server };
  }

  /** A value of a resource that may lie encrypted. @param prefix Of the cipher. */
  transformed<T>(resource: string, direction: Direction, prefix: string, work: () => T | Promise<T>): T | Promise<T> {
    const began = this.#clock.monotonic();
    const ended = (): void => {
      const { ok, seconds } = this.#seriesOf(resource, direction, prefix);
      ok.inc();
      seconds.observe((this.#clock.monotonic() - began) / 1000);
    };
    const failed = (error: unknown): never => {
      this.#operations.inc({ ...labelsOf(resource, direction, prefix), status: statusOf(error) });
      throw error;
    };
    try {
      const done = work();
      if (done instanceof Promise) done.then(ended, () => {});
      else ended();
      return done instanceof Promise ? done.catch(failed) : done;
    } catch (error) {
      return failed(error);
    }
  }

  missed(): void {
    this.#misses.inc();
  }

  madeSeed(ms: number): void {
    this.#seedSeconds.observe(ms / 1000);
  }

  /** @param error Of a call that failed. */
  asked(provider: string, method: string, ms: number, error?: unknown): void {
    this.#kmsSeconds.observe(ms / 1000, {
      provider_name: provider,
      method_name: `/v2.KeyManagementService/${method}`,
      grpc_status_code: error === undefined ? "OK" : statusOf(error),
    });
  }

  knows(provider: string, seeds: number): void {
    this.#cacheSize.set(seeds, { provider_name: provider });
  }

  usedKey(direction: Direction, provider: string, keyId: string): void {
    this.#noteKey(this.#uses, { transformation_type: direction, provider_name: provider }, keyId);
  }

  toldKey(provider: string, keyId: string): void {
    this.#noteKey(this.#told, { provider_name: provider }, keyId);
  }

  toldInvalidKey(provider: string, error: "empty" | "too_long"): void {
    this.#invalidKeys.inc({ provider_name: provider, error });
  }

  /** A configuration that is gone by from the start. */
  began(text: string): void {
    this.#reloading.began(text);
  }

  reloaded(text: string | undefined): void {
    this.#reloading.reloaded(text);
  }

  failedToReload(): void {
    this.#reloading.failedToReload();
  }

  #noteKey(keys: Map<string, KeyUse>, of: Readonly<Record<string, string>>, keyId: string): void {
    const name = `${Object.values(of).join(" ")} ${keyId}`;
    const labels = keys.get(name)?.labels ?? { ...of, key_id_hash: metricHash(keyId), ...this.#ofServer };
    const count = (keys.get(name)?.count ?? 0) + 1;
    keys.delete(name);
    keys.set(name, { labels, count, at: this.#clock.now() });
    if (keys.size > KEYS_TOLD) keys.delete(keys.keys().next().value ?? "");
  }

  #seriesOf(resource: string, direction: Direction, prefix: string): Series {
    const key = `${resource} ${direction} ${prefix}`;
    let series = this.#held.get(key);
    if (series === undefined) {
      const { resource: _, ...labels } = labelsOf(resource, direction, prefix);
      const ok = this.#operations.of({ ...labelsOf(resource, direction, prefix), status: "OK" });
      series = { ok, seconds: this.#seconds.of(labels) };
      this.#held.set(key, series);
    }
    return series;
  }
}

function labelsOf(resource: string, direction: Direction, prefix: string) {
  const shown = prefix === "" && direction === "from_storage" ? "identity" : prefix;
  return { resource, transformation_type: direction, transformer_prefix: shown };
}

/** A gRPC status in Go's words, by whoever called; what was no call has none. */
function statusOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { grpcStatus } = at as { readonly grpcStatus?: string };
    if (grpcStatus !== undefined) return grpcStatus;
  }
  return "unknown-non-grpc";
}
