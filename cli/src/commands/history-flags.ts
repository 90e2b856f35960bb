import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flags of `up` that say how much of the past is kept. */
export interface HistoryFlags {
  /** ms. */
  readonly history?: number;
  /** Megabytes. */
  readonly historySize?: number;
}

/** Remembers them; without them a cluster keeps what it was told before. */
export async function withHistory(
  paths: ClusterPaths,
  record: ClusterRecord,
  flags: HistoryFlags,
): Promise<ClusterRecord> {
  const { history = record.historyMs, historySize = record.historyMegabytes } = flags;
  if (history === record.historyMs && historySize === record.historyMegabytes) return record;
  const next: ClusterRecord = {
    ...record,
    ...(history !== undefined && { historyMs: history }),
    ...(historySize !== undefined && { historyMegabytes: historySize }),
  };
  await writeClusterRecord(paths, next);
  return next;
}
