import { TsukubeError } from "@tsukube/foundation";
import { defaultServiceCidr } from "../cluster/addresses.ts";
import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flags of `up` that say what Services and pods get addresses of. */
export interface NetworkFlags {
  readonly serviceCidr?: string;
  /** When the cluster is made. */
  readonly podCidr?: string;
}

/** Remembers a second network; what was decided when the cluster was made stays. @throws {TsukubeError} `usage`. */
export async function withServiceCidr(
  paths: ClusterPaths,
  record: ClusterRecord,
  { serviceCidr }: NetworkFlags,
): Promise<ClusterRecord> {
  const before = record.serviceCidr ?? defaultServiceCidr(record.index);
  if (serviceCidr === undefined || serviceCidr === before) return record;
  if (before.includes(",") || !serviceCidr.startsWith(`${before},`)) {
    const expected = before.includes(",") ? "the same" : "the same, and a network of the other IP family after it";
    throw new TsukubeError(
      "usage",
      `Cannot start cluster "${paths.name}" with --service-cidr ${serviceCidr}: its Services have ${before}, expected ${expected}; ` +
        `use "down --purge" to begin anew, or another --name`,
    );
  }
  const next: ClusterRecord = { ...record, serviceCidr };
  await writeClusterRecord(paths, next);
  return next;
}
