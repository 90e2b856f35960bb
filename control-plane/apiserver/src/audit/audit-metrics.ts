import type { Metrics } from "@tsukube/foundation";

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
