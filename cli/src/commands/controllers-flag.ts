import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flag of `up` that says whose controllers and scheduler work in the cluster. */
export interface ControllersFlag {
  readonly controllers?: "own" | "others";
}

/** Remembers it; without it they are whose they were before, and own ones in a new cluster. */
export async function withControllers(
  paths: ClusterPaths,
  record: ClusterRecord,
  { controllers }: ControllersFlag,
): Promise<ClusterRecord> {
  if (controllers === undefined || controllers === (record.controllers ?? "own")) return record;
  const { controllers: _before, ...rest } = record;
  const next: ClusterRecord = controllers === "own" ? rest : { ...rest, controllers };
  await writeClusterRecord(paths, next);
  return next;
}
