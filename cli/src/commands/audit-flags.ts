import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { TsukubeError } from "@tsukube/foundation";
import type { ClusterPaths } from "../cluster/paths.ts";
import { type AuditSettings, type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flags of `up` that say what is written of requests, under kube-apiserver's names. */
export interface AuditFlags {
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
  /** Megabytes. */
  readonly auditLogMaxsize?: number;
  readonly auditLogMaxbackup?: number;
  /** Days. */
  readonly auditLogMaxage?: number;
  readonly auditWebhookConfigFile?: string;
}

/** Remembers them; without them a cluster goes on as it was told before. @throws {TsukubeError} `usage`. */
export async function withAudit(paths: ClusterPaths, record: ClusterRecord, flags: AuditFlags): Promise<ClusterRecord> {
  const settings = settingsOf(flags);
  if (settings === undefined || isDeepStrictEqual(settings, record.audit)) return record;
  const next = { ...record, audit: settings };
  await writeClusterRecord(paths, next);
  return next;
}

function settingsOf(flags: AuditFlags): AuditSettings | undefined {
  const { auditPolicyFile, auditLogPath, auditWebhookConfigFile } = flags;
  const { auditLogMaxsize, auditLogMaxbackup, auditLogMaxage } = flags;
  if (auditPolicyFile === undefined) {
    if (auditLogPath === undefined && auditWebhookConfigFile === undefined) return undefined;
    throw new TsukubeError("usage", "Cannot audit without --audit-policy-file, expected the policy of what is written");
  }
  return {
    policyFile: resolve(auditPolicyFile),
    ...(auditLogPath !== undefined && { logPath: resolve(auditLogPath) }),
    ...(auditLogMaxsize !== undefined && { logMegabytes: auditLogMaxsize }),
    ...(auditLogMaxbackup !== undefined && { logBackups: auditLogMaxbackup }),
    ...(auditLogMaxage !== undefined && { logDays: auditLogMaxage }),
    ...(auditWebhookConfigFile !== undefined && { webhookConfigFile: resolve(auditWebhookConfigFile) }),
  };
}
