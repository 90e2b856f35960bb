import type { ClusterPaths } from "../cluster/paths.ts";
import type { ClusterRecord } from "../cluster/record.ts";

/** What starts a cluster again, as one types it. @param record Absent: there is none yet. */
export function upCommand({ name }: ClusterPaths, record?: ClusterRecord): string {
  const named = name === "default" ? "" : ` --name ${name}`;
  return `tsukube up${named}${record?.withNode === false ? " --no-node" : ""}`;
}
