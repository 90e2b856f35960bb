import type { Unstructured } from "@tsukube/api";
import type { APIService } from "@tsukube/api/types/apiregistration-v1";
import { compareVersions } from "../discovery/version-order.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

export const API_SERVICES = "/registry/apiregistration.k8s.io/apiservices/";

/** The label of those that are kept here: "true" all the time, "onstart" when the server starts. */
export const AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged";

export type StoredService = APIService & Unstructured;

/** The APIService of a group and version; undefined when there is none. */
export function apiServiceOf(cache: WatchCache, group: string, version: string): StoredService | undefined {
  return cache.get(`${API_SERVICES}${version}.${group}`)?.object as StoredService | undefined;
}

/** The APIServices that another server answers, those of higher priority first, of equal ones those of newer versions. */
export function remoteServices(cache: WatchCache): readonly StoredService[] {
  const all = [...cache.head.range(API_SERVICES)].map(([, cached]) => cached.object as StoredService);
  return all.filter(isRemote).sort(({ spec: a }, { spec: b }) => {
    const byPriority = (b?.versionPriority ?? 0) - (a?.versionPriority ?? 0);
    return byPriority || compareVersions(b?.version ?? "", a?.version ?? "");
  });
}

export function isRemote({ spec }: APIService): boolean {
  return spec?.service !== undefined && spec.service !== null;
}

export function isAvailable({ status }: APIService): boolean {
  return (status?.conditions ?? []).some(({ type, status: value }) => type === "Available" && value === "True");
}
