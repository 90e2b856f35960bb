import { FeatureGates } from "@tsukube/api";
import type { ClusterPaths } from "../cluster/paths.ts";
import { type ClusterRecord, writeClusterRecord } from "../cluster/record.ts";

/** The flags of `up` that say which APIs there are and keep, under kube-apiserver's names; "" goes back to upstream's defaults. */
export interface ApiFlags {
  /** Which built-in APIs are served: "api/beta=true,resource.k8s.io/v1alpha3=true". */
  readonly runtimeConfig?: string;
  /** Which feature gates are on: "EvictionRequestAPI=true,AllBeta=true". */
  readonly featureGates?: string;
  /** How long events are kept, in ms. */
  readonly eventTtl?: number;
}

/**
 * @param record What the cluster was told before; undefined: it is not there yet.
 * @throws {TsukubeError} `usage` for what names no API or gate, and for an API whose gate is off.
 */
export async function checkApiFlags(flags: ApiFlags, record: ClusterRecord | undefined): Promise<void> {
  if (flags.runtimeConfig === undefined && flags.featureGates === undefined) return;
  const { runtimeConfig = "", featureGates = "" } = { ...record, ...flags };
  const gates = FeatureGates.parse(featureGates);
  if (runtimeConfig === "") return;
  const { servedResources } = await import("@tsukube/apiserver"); // half a megabyte that `up` does not need else
  servedResources(runtimeConfig, gates);
}

/** Remembers them; without them a cluster serves what it was told before. */
export async function withApis(paths: ClusterPaths, record: ClusterRecord, flags: ApiFlags): Promise<ClusterRecord> {
  const { runtimeConfig: servedBefore = "", featureGates: gatesBefore = "", ...rest } = record;
  const { runtimeConfig = servedBefore, featureGates = gatesBefore, eventTtl: eventTtlMs = record.eventTtlMs } = flags;
  if (runtimeConfig === servedBefore && featureGates === gatesBefore && eventTtlMs === record.eventTtlMs) return record;
  const next: ClusterRecord = {
    ...rest,
    ...(runtimeConfig !== "" && { runtimeConfig }),
    ...(featureGates !== "" && { featureGates }),
    ...(eventTtlMs !== undefined && { eventTtlMs }),
  };
  await writeClusterRecord(paths, next);
  return next;
}
