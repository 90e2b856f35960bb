import type { Counter, Metrics } from "@tsukube/foundation";

/** Counts what is audited, under upstream's names. */
export class AuditMetrics {
  readonly #events: Counter;
  readonly #levels: Counter;

  constructor(metrics: Metrics) {
    this.#events = metrics.counter(
      "apiserver_audit_event_total",
      "Counter of audit events generated and sent to the audit backend.",
    );
    this.#levels = metrics.counter(
      "apiserver_audit_level_total",
      "Counter of policy levels for audit events (1 per request).",
      ["level"],
    );
  }

  event(): void {
    this.#events.inc();
  }

  level(level: string): void {
    this.#levels.inc({ level });
  }
}

/** Counts events that could not be written down. @param plugin Whose they were: "buffered", "webhook". */
export type AuditErrors = (plugin: string, events: number) => void;

/** Upstream's apiserver_audit_error_total. */
export function auditErrors(metrics: Metrics): AuditErrors {
  const errors = metrics.counter(
    "apiserver_audit_error_total",
    "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.",
    ["plugin"],
  );
  return (plugin, events) => errors.inc({ plugin }, events);
}
