import { join } from "node:path";
import { quantityValue } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { type Cancel, type Clock, type Logger, messageOf } from "@tsukube/foundation";
import { diskUsage } from "@tsukube/kernel";
import { lastingContainers } from "../pods/pod-containers.ts";
import type { PodPlaces } from "../pods/pod-places.ts";
import type { PodWorker } from "../pods/pod-worker.ts";

export interface StorageLimitsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  workers(): readonly PodWorker[];
  placesOf(pod: Pod): PodPlaces;
  /** What a container has written to its own file system, in bytes. */
  writtenBytes(containerId: string): Promise<number>;
}

/** What a pod takes on the node's disk, in bytes. */
export interface StorageUsage {
  /** emptyDirs on disk, by name. */
  readonly volumes: ReadonlyMap<string, number>;
  /** Logs and what was written, by name of the container. */
  readonly containers: ReadonlyMap<string, number>;
}

const RESOURCE = "ephemeral-storage";
const EVERY_MS = 10_000;

/** Ends pods that take more of the disk than they may: an emptyDir, a container, or all of the pod. */
export function watchStorageLimits(deps: StorageLimitsDeps): Cancel {
  const { clock, logger } = deps;
  let isBusy = false;
  const look = async (): Promise<void> => {
    if (isBusy) return; // many files take their time
    isBusy = true;
    try {
      for (const worker of deps.workers()) {
        if (worker.isEnding || !hasLimits(worker.pod)) continue;
        const message = excessOf(worker.pod, await usageOf(worker, deps));
        if (message !== undefined) worker.evict({ reason: "Evicted", message, grace: 0, isDisruption: true });
      }
    } catch (error) {
      logger.debug("cannot measure what pods take on the disk", { error: messageOf(error) });
    } finally {
      isBusy = false;
    }
  };
  return clock.every(EVERY_MS, () => void look(), { background: true });
}

async function usageOf({ pod, runtime }: PodWorker, deps: StorageLimitsDeps): Promise<StorageUsage> {
  const { folder, logs } = deps.placesOf(pod);
  const volumes = new Map<string, number>();
  for (const { name } of volumesOnDisk(pod)) volumes.set(name, await diskUsage(join(folder, "volumes", name)));
  const containers = new Map<string, number>();
  if (lastingContainers(pod).some(({ resources }) => resources?.limits?.[RESOURCE] !== undefined))
    for (const { id, name, state } of runtime.containers) {
      if (state !== "running") continue;
      containers.set(name, (await deps.writtenBytes(id)) + (await diskUsage(join(logs, name))));
    }
  return { volumes, containers };
}

/** emptyDirs that are not in memory, whose size their file system limits. */
function volumesOnDisk({ spec }: Pod) {
  return (spec?.volumes ?? []).filter(({ emptyDir }) => emptyDir !== undefined && (emptyDir?.medium ?? "") === "");
}

function hasLimits(pod: Pod): boolean {
  const isLimited = volumesOnDisk(pod).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined);
  return isLimited || lastingContainers(pod).some(({ resources }) => resources?.limits?.[RESOURCE] !== undefined);
}

/** Pure: why a pod has to go for what it takes on the disk, in upstream's words; undefined: it is within its limits. */
export function excessOf(pod: Pod, usage: StorageUsage): string | undefined {
  for (const { name, emptyDir } of volumesOnDisk(pod)) {
    const limit = emptyDir?.sizeLimit ?? "0";
    if (quantityValue(limit) > 0 && (usage.volumes.get(name) ?? 0) > quantityValue(limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `;
  }
  let total = 0;
  for (const { name, resources } of lastingContainers(pod)) {
    const limit = resources?.limits?.[RESOURCE];
    if (limit === undefined) continue;
    total += quantityValue(limit);
    if ((usage.containers.get(name) ?? 0) > quantityValue(limit))
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  const used = [...usage.containers.values(), ...usage.volumes.values()].reduce((sum, bytes) => sum + bytes, 0);
  if (total === 0 || used <= total) return undefined;
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${total}. `;
}
