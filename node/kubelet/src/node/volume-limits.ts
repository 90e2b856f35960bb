import { join } from "node:path";
import { quantityValue } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { type Cancel, type Clock, type Logger, messageOf } from "@tsukube/foundation";
import type { PodWorker } from "../pods/pod-worker.ts";
import { diskUsage } from "../stats/disk-usage.ts";

export interface VolumeLimitsDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  workers(): readonly PodWorker[];
  /** The pod's volumes lie below `volumes` in it. */
  folderOf(pod: Pod): string;
}

const EVERY_MS = 10_000;

/** Ends pods whose emptyDir on disk has grown beyond its sizeLimit. */
export function watchVolumeLimits(deps: VolumeLimitsDeps): Cancel {
  const { clock, logger } = deps;
  let isBusy = false;
  const look = async (): Promise<void> => {
    if (isBusy) return; // many files take their time
    isBusy = true;
    try {
      for (const worker of deps.workers()) if (!worker.isEnding) await endIfTooLarge(worker, deps.folderOf(worker.pod));
    } catch (error) {
      logger.debug("cannot measure volumes", { error: messageOf(error) });
    } finally {
      isBusy = false;
    }
  };
  return clock.every(EVERY_MS, () => void look(), { background: true });
}

async function endIfTooLarge(worker: PodWorker, folder: string): Promise<void> {
  for (const { name, limit, shown } of limitedVolumes(worker.pod)) {
    if ((await diskUsage(join(folder, "volumes", name))) <= limit) continue;
    const message = `Usage of EmptyDir volume "${name}" exceeds the limit "${shown}". `;
    worker.evict({ reason: "Evicted", message, grace: 0, isDisruption: true });
    return;
  }
}

/** Pure: volumes on disk that may not grow without end. Those in memory cannot. */
export function limitedVolumes({ spec }: Pod): readonly { name: string; limit: number; shown: string }[] {
  return (spec?.volumes ?? []).flatMap(({ name, emptyDir }) => {
    const shown = emptyDir?.sizeLimit ?? "0";
    const limit = quantityValue(shown);
    return (emptyDir?.medium ?? "") === "" && limit > 0 ? [{ name, limit, shown }] : [];
  });
}
