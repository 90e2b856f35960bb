import { type Cancel, type Clock, type Logger, type Metrics, messageOf } from "@tsukube/foundation";
import type { PodWorker } from "../pods/pod-worker.ts";
import { fileSystemUsage, readNodeUsage } from "../stats/node-usage.ts";
import type { Stats, StatsCollector } from "../stats/stats-collector.ts";
import { type Candidate, evictionMessage, rank } from "./eviction-ranking.ts";
import {
  crossed,
  type Observations,
  Pressure,
  type PressureCondition,
  THRESHOLDS,
  type Threshold,
} from "./pressure.ts";

export interface EvictionDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly stats: Pick<StatsCollector, "collect">;
  readonly rootDirectory: string;
  /** Where images lie; asked each time, for the runtime may be away at first. */
  imageFolder(): Promise<string>;
  workers(): readonly PodWorker[];
  /** Removes images that nothing uses. @returns whether anything went. */
  reclaimImages(): Promise<boolean>;
  /** The node's conditions have changed: they should be known soon. */
  changed(): void;
  /** For tests; what the machine has by default. */
  observe?(): Promise<Observations>;
}

const EVERY_MS = 10_000;
const CONDITIONS: readonly PressureCondition[] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

/** Watches what the node could run short of, says so in its conditions, and ends one pod after the other until there is enough. */
export class EvictionManager {
  readonly #deps: EvictionDeps;
  readonly #pressure = new Pressure();

  constructor(deps: EvictionDeps) {
    this.#deps = deps;
  }

  start(): Cancel {
    const { clock, logger } = this.#deps;
    const look = (): void =>
      void this.look().catch((error: unknown) => logger.debug("cannot look for pressure", { error: messageOf(error) }));
    look();
    return clock.every(EVERY_MS, look, { background: true });
  }

  has(condition: PressureCondition): boolean {
    return this.#pressure.has(condition);
  }

  /** Looks once, and ends at most one pod. */
  async look(): Promise<void> {
    const observations = await (this.#deps.observe ?? (() => this.#observe()))();
    const before = CONDITIONS.filter((condition) => this.has(condition));
    const short = crossed(observations, THRESHOLDS);
    this.#pressure.observe(short, this.#deps.clock.monotonic());
    if (before.join() !== CONDITIONS.filter((condition) => this.has(condition)).join()) this.#deps.changed();
    const [first] = short;
    if (first === undefined) return;
    if (first.condition === "DiskPressure" && (await this.#deps.reclaimImages())) return; // enough, maybe: the next look says
    await this.#evictOne(first, observations);
  }

  async #observe(): Promise<Observations> {
    const { memory, fs, pids } = readNodeUsage(this.#deps.rootDirectory);
    const images = fileSystemUsage(await this.#deps.imageFolder());
    return {
      "memory.available": {
        available: memory.availableBytes,
        capacity: memory.availableBytes + memory.workingSetBytes,
      },
      "nodefs.available": { available: fs.availableBytes, capacity: fs.capacityBytes },
      "nodefs.inodesFree": { available: fs.inodesFree, capacity: fs.inodes },
      "imagefs.available": { available: images.availableBytes, capacity: images.capacityBytes },
      "pid.available": { available: pids.max - pids.used, capacity: pids.max },
    };
  }

  async #evictOne(threshold: Threshold, observations: Observations): Promise<void> {
    const { available, capacity } = observations[threshold.signal];
    const stats = await this.#deps.stats.collect();
    const workers = new Map(this.#deps.workers().map((worker) => [worker.uid, worker]));
    for (const { pod } of rank(candidatesOf(stats, threshold), threshold)) {
      const worker = workers.get(pod.metadata?.uid ?? "");
      if (worker === undefined || worker.isEnding) continue;
      const message = evictionMessage(threshold, threshold.least(capacity), available);
      this.#deps.logger.warn("evicting a pod", { pod: `${pod.metadata?.namespace}/${pod.metadata?.name}`, message });
      const help = "Cumulative number of pod evictions by eviction signal";
      this.#deps.metrics
        .counter("kubelet_evictions", help, ["eviction_signal"])
        .inc({ eviction_signal: threshold.signal });
      worker.evict({ reason: "Evicted", message, grace: 0, isDisruption: true });
      return;
    }
  }
}

function candidatesOf(stats: Stats, { resource }: Threshold): readonly Candidate[] {
  return stats.pods.map(({ pod, usage }) => {
    const { workingSetBytes = 0, pids = 0 } = usage?.memory ?? {};
    return { pod, used: resource === "memory" ? workingSetBytes : resource === "pids" ? pids : 0 };
  });
}
