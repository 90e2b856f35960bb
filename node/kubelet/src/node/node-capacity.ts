import { readdirSync, readFileSync, statfsSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import type { NodeStatus } from "@tsukube/api/types/core-v1";
import { type Signal, THRESHOLDS } from "./pressure.ts";

/** What the machine has. */
export interface NodeCapacity {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Of the file system that holds pods' volumes. */
  readonly storageBytes: number;
  /** By page size as Kubernetes writes it ("2Mi"), bytes. */
  readonly hugepages: Readonly<Record<string, number>>;
  readonly pods: number;
}

const MOST_PODS = 110;
const HUGEPAGES = "/sys/kernel/mm/hugepages";

/** @param folder On the file system that pods write to. */
export function readCapacity(folder: string): NodeCapacity {
  const { blocks, bsize } = statfsSync(folder);
  return {
    cpuMilli: cpus().length * 1000,
    memoryBytes: totalmem(),
    storageBytes: blocks * bsize,
    hugepages: { "1Gi": hugepageBytes(1 << 20), "2Mi": hugepageBytes(2048) },
    pods: MOST_PODS,
  };
}

/** @param kibibytes Size of a page. */
function hugepageBytes(kibibytes: number): number {
  const name = `hugepages-${kibibytes}kB`;
  try {
    if (!readdirSync(HUGEPAGES).includes(name)) return 0;
    return Number(readFileSync(`${HUGEPAGES}/${name}/nr_hugepages`, "utf8")) * kibibytes * 1024;
  } catch {
    return 0; // a kernel without them
  }
}

/** What pods may have: all but what has to be left before the node is short of it. */
export function allocatableOf(capacity: NodeCapacity): NodeCapacity {
  const least = (signal: Signal, of: number): number =>
    THRESHOLDS.find((threshold) => threshold.signal === signal)?.least(of) ?? 0;
  const { memoryBytes, storageBytes } = capacity;
  return {
    ...capacity,
    memoryBytes: memoryBytes - least("memory.available", memoryBytes),
    storageBytes: storageBytes - least("nodefs.available", storageBytes),
  };
}

/** Amounts of a Node's status by resource; null takes one away where a patch says so. */
type Amounts = Readonly<Record<string, string | null>>;

/**
 * What is allocatable with what others wrote into the capacity: extended resources that no driver here manages. All of one is
 * allocatable, and none of what nobody has any more.
 */
export function withExtendedResources(allocatable: Amounts, live: NodeStatus = {}): Amounts {
  const others = Object.entries(live.capacity ?? {}).filter(([name]) => !(name in allocatable));
  const gone = Object.keys(live.allocatable ?? {}).filter(
    (name) => !(name in allocatable) && live.capacity?.[name] === undefined,
  );
  return { ...allocatable, ...Object.fromEntries([...others, ...gone.map((name) => [name, null] as const)]) };
}

/** As a Node's status writes it. */
export function capacityResources({ cpuMilli, memoryBytes, storageBytes, hugepages, pods }: NodeCapacity) {
  const pages = Object.entries(hugepages).map(([size, bytes]) => [`hugepages-${size}`, kibi(bytes)] as const);
  return {
    cpu: cpuMilli % 1000 === 0 ? String(cpuMilli / 1000) : `${cpuMilli}m`,
    memory: kibi(memoryBytes),
    pods: String(pods),
    "ephemeral-storage": kibi(storageBytes),
    ...Object.fromEntries(pages),
  };
}

function kibi(bytes: number): string {
  return bytes === 0 ? "0" : `${Math.floor(bytes / 1024)}Ki`;
}
