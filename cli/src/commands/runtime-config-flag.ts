import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flag of `up` that says which built-in APIs are served, under kube-apiserver's name. */
export interface RuntimeConfigFlag {
  /** "api/beta=true,resource.k8s.io/v1alpha3=true"; "" goes back to upstream's defaults. */
  readonly runtimeConfig?: string;
}

/** @throws {TsukubeError} `usage` for what names no API. */
export async function checkRuntimeConfig({ runtimeConfig }: RuntimeConfigFlag): Promise<void> {
  if (runtimeConfig === undefined || runtimeConfig === "") return;
  const { servedResources } = await import("@tsukube/apiserver"); // half a megabyte that `up` does not need else
  servedResources(runtimeConfig);
}

/** Remembers it; without it a cluster serves what it was told before. */
export async function withRuntimeConfig(
  paths: ClusterPaths,
  record: ClusterRecord,
  { runtimeConfig }: RuntimeConfigFlag,
): Promise<ClusterRecord> {
  if (runtimeConfig === undefined || runtimeConfig === (record.runtimeConfig ?? "")) return record;
  const { runtimeConfig: _before, ...rest } = record;
  const next = runtimeConfig === "" ? rest : { ...rest, runtimeConfig };
  await writeClusterRecord(paths, next);
  return next;
}
