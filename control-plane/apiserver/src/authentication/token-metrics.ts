import type { CounterSeries, Metrics } from "@tsukube/foundation";

/** Which tokens of ServiceAccounts are used, under upstream's names. */
export class TokenMetrics {
  /** Of pods, while they are to be used. */
  readonly valid: CounterSeries;
  /** Of pods, when they should have been replaced. */
  readonly stale: CounterSeries;
  /** Out of Secrets: of any kind, and by who made the Secret. */
  readonly legacy: CounterSeries;
  readonly legacyAuto: CounterSeries;
  readonly legacyManual: CounterSeries;
  readonly legacyInvalid: CounterSeries;

  constructor(metrics: Metrics) {
    const counter = (name: string, help: string): CounterSeries =>
      metrics.counter(`serviceaccount_${name}_total`, `Cumulative ${help} used`).of({});
    this.valid = counter("valid_tokens", "valid projected service account tokens");
    this.stale = counter("stale_tokens", "stale projected service account tokens");
    this.legacy = counter("legacy_tokens", "legacy service account tokens");
    this.legacyAuto = counter("legacy_auto_token_uses", "auto-generated legacy tokens");
    this.legacyManual = counter("legacy_manual_token_uses", "manually created legacy tokens");
    this.legacyInvalid = counter("invalid_legacy_auto_token_uses", "invalid auto-generated legacy tokens");
  }
}
