import { TsukubeError } from "@tsukube/foundation";
import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flags of `up` that say how many requests are served at the same time, under kube-apiserver's names. */
export interface SeatFlags {
  readonly maxRequestsInflight?: number;
  readonly maxMutatingRequestsInflight?: number;
}

/** Remembers them; without them a cluster goes on as it was told before. @throws {TsukubeError} `usage`. */
export async function withSeats(paths: ClusterPaths, record: ClusterRecord, flags: SeatFlags): Promise<ClusterRecord> {
  const { maxRequestsInflight = record.maxRequestsInflight } = flags;
  const { maxMutatingRequestsInflight = record.maxMutatingRequestsInflight } = flags;
  if (maxRequestsInflight === 0 && maxMutatingRequestsInflight === 0)
    throw new TsukubeError(
      "usage",
      "Cannot serve with --max-requests-inflight 0 and --max-mutating-requests-inflight 0, expected a sum that is not 0",
    );
  if (
    maxRequestsInflight === record.maxRequestsInflight &&
    maxMutatingRequestsInflight === record.maxMutatingRequestsInflight
  )
    return record;
  const next: ClusterRecord = {
    ...record,
    ...(maxRequestsInflight !== undefined && { maxRequestsInflight }),
    ...(maxMutatingRequestsInflight !== undefined && { maxMutatingRequestsInflight }),
  };
  await writeClusterRecord(paths, next);
  return next;
}
