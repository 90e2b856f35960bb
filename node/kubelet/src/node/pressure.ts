/** What the node can run short of, as eviction thresholds name it. */
export type Signal =
  | "memory.available"
  | "nodefs.available"
  | "nodefs.inodesFree"
  | "imagefs.available"
  | "pid.available";

/** Conditions of a Node that say so. */
export type PressureCondition = "MemoryPressure" | "DiskPressure" | "PIDPressure";

interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = Readonly<Record<Signal, Observation>>;

export interface Threshold {
  readonly signal: Signal;
  readonly condition: PressureCondition;
  /** The resource as messages name it. */
  readonly resource: "memory" | "ephemeral-storage" | "inodes" | "pids";
  /** Below so much it is short; bytes, inodes, processes. */
  least(capacity: number): number;
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/**
 * Upstream's hard thresholds; of disks the percentage, but no more than some gigabytes: the disk may well be one that its owner
 * keeps nearly full, and ten percent of it more than all pods ever need.
 */
export const THRESHOLDS: readonly Threshold[] = [
  { signal: "memory.available", condition: "MemoryPressure", resource: "memory", least: () => 100 * MIB },
  {
    signal: "nodefs.available",
    condition: "DiskPressure",
    resource: "ephemeral-storage",
    least: (capacity) => Math.min(capacity * 0.1, 2 * GIB),
  },
  {
    signal: "nodefs.inodesFree",
    condition: "DiskPressure",
    resource: "inodes",
    least: (capacity) => Math.min(capacity * 0.05, 100_000),
  },
  {
    signal: "imagefs.available",
    condition: "DiskPressure",
    resource: "ephemeral-storage",
    least: (capacity) => Math.min(capacity * 0.15, 2 * GIB),
  },
  {
    signal: "pid.available",
    condition: "PIDPressure",
    resource: "pids",
    least: (capacity) => Math.min(capacity * 0.05, 1000),
  },
];

/** Pure: the thresholds that are crossed. A file system that counts no inodes has enough of them. */
export function crossed(observations: Observations, thresholds = THRESHOLDS): readonly Threshold[] {
  return thresholds.filter(({ signal, least }) => {
    const { available, capacity } = observations[signal];
    return capacity > 0 && available < least(capacity);
  });
}

/** A condition stays for so long after its cause is gone, so that it does not come and go (evictionPressureTransitionPeriod). */
const HOLD_MS = 300_000;

/** Which pressures the node is under. */
export class Pressure {
  readonly #lastSeen = new Map<PressureCondition, number>();
  #now = 0;

  /** @param now ms, of any origin that stays the same. */
  observe(thresholds: readonly Threshold[], now: number): void {
    this.#now = now;
    for (const { condition } of thresholds) this.#lastSeen.set(condition, now);
  }

  has(condition: PressureCondition): boolean {
    const last = this.#lastSeen.get(condition);
    return last !== undefined && this.#now - last < HOLD_MS;
  }
}
