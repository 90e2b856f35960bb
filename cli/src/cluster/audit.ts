import { readFile } from "node:fs/promises";
import {
  type AuditBackend,
  type AuditPolicy,
  auditErrors,
  Kubeconfig,
  LogAuditBackend,
  parseAuditPolicy,
  WebhookAuditBackend,
} from "@tsukube/apiserver";
import { type Clock, type Logger, type Metrics, messageOf } from "@tsukube/foundation";
import { RotatingFile } from "@tsukube/host";
import type { ClusterRecord } from "./record.ts";

const MEGABYTE = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;
const DEFAULT_MEGABYTES = 100;

const STANDARD_OUTPUT = { write: (line: string) => void process.stdout.write(line), close: async () => {} };

/** What an API server writes of requests, read from the files that are named. Undefined: nothing. */
export async function auditOf(
  { audit }: Pick<ClusterRecord, "audit">,
  clock: Clock,
  logger: Logger,
  metrics: Metrics,
): Promise<{ readonly policy: AuditPolicy; readonly backends: readonly AuditBackend[] } | undefined> {
  if (audit === undefined) return undefined;
  const policy = parseAuditPolicy(await readFile(audit.policyFile, "utf8"));
  const backends: AuditBackend[] = [];
  if (audit.logPath === "-") backends.push(new LogAuditBackend(STANDARD_OUTPUT));
  else if (audit.logPath !== undefined) {
    const file = new RotatingFile({
      path: audit.logPath,
      maxBytes: (audit.logMegabytes ?? DEFAULT_MEGABYTES) * MEGABYTE,
      maxBackups: audit.logBackups ?? 0,
      maxAgeMs: (audit.logDays ?? 0) * DAY_MS,
      now: () => clock.now(),
      failed(error, lines) {
        auditErrors(metrics)("log", lines);
        logger.error("cannot write the audit log", { events: lines, error: messageOf(error) });
      },
    });
    backends.push(new LogAuditBackend(file));
  }
  if (audit.webhookConfigFile !== undefined)
    backends.push(new WebhookAuditBackend(Kubeconfig.read(audit.webhookConfigFile), clock, logger, metrics));
  return { policy, backends };
}
