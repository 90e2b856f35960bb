import type { Pod } from "@tsukube/api/types/core-v1";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { beforeEach, expect, test } from "vitest";
import type { PodEnd, PodWorker } from "../pods/pod-worker.ts";
import type { Stats } from "../stats/stats-collector.ts";
import { EvictionManager } from "./eviction-manager.ts";
import { evictionMessage, rank } from "./eviction-ranking.ts";
import { crossed, type Observations, THRESHOLDS } from "./pressure.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const plenty: Observations = {
  "memory.available": { available: 2 * GIB, capacity: 4 * GIB },
  "nodefs.available": { available: 50 * GIB, capacity: 100 * GIB },
  "nodefs.inodesFree": { available: 1e6, capacity: 2e6 },
  "imagefs.available": { available: 50 * GIB, capacity: 100 * GIB },
  "pid.available": { available: 30_000, capacity: 32_768 },
};
const memory = THRESHOLDS[0]!;

function pod(name: string, used: number, more: { priority?: number; request?: string; isStatic?: boolean } = {}) {
  const annotations = more.isStatic === true ? { "kubernetes.io/config.source": "file" } : {};
  const resources = { requests: { memory: more.request ?? "0" } };
  const spec = { priority: more.priority ?? 0, containers: [{ name: "app", resources }] };
  return { pod: { metadata: { name, uid: name, annotations }, spec } as Pod, used };
}

test.each([
  ["memory.available", 99 * MIB, 4 * GIB, "MemoryPressure"],
  ["nodefs.available", 1.9 * GIB, 100 * GIB, "DiskPressure"],
  ["nodefs.available", 0.9 * GIB, 10 * GIB, "DiskPressure"],
  ["nodefs.inodesFree", 9_000, 200_000, "DiskPressure"],
  ["pid.available", 900, 32_768, "PIDPressure"],
] as const)("%s of %d is too little of %d", (signal, available, capacity, condition) => {
  expect(crossed({ ...plenty, [signal]: { available, capacity } }).map((one) => one.condition)).toEqual([condition]);
});

test("enough is enough, of a nearly full large disk too, and of inodes that nobody counts", () => {
  expect(crossed(plenty)).toEqual([]);
  expect(crossed({ ...plenty, "nodefs.available": { available: 3 * GIB, capacity: 1000 * GIB } })).toEqual([]);
  expect(crossed({ ...plenty, "nodefs.inodesFree": { available: 0, capacity: 0 } })).toEqual([]);
});

test("who uses more than they asked for goes first, then who matters less, then who uses most; critical pods stay", () => {
  const candidates = [
    pod("modest", 100 * MIB, { request: "200Mi" }),
    pod("important", 900 * MIB, { priority: 1000 }),
    pod("small", 10 * MIB),
    pod("large", 500 * MIB, { request: "100Mi" }),
    pod("critical", 2000 * MIB, { priority: 2_000_000_000 }),
    pod("static", 2000 * MIB, { isStatic: true }),
  ];
  expect(rank(candidates, memory).map((one) => one.pod.metadata?.name)).toEqual([
    "large",
    "small",
    "important",
    "modest",
  ]);
});

test("the message says what was short", () => {
  expect(evictionMessage(memory, 100 * MIB, 50 * MIB)).toBe(
    "The node was low on resource: memory. Threshold quantity: 102400Ki, available: 51200Ki. ",
  );
});

let clock: VirtualClock;
let observations: Observations;
let evicted: [string, PodEnd][];
let images: number;
let conditionChanges: number;
let manager: EvictionManager;

beforeEach(() => {
  clock = new VirtualClock(0);
  observations = plenty;
  evicted = [];
  images = 0;
  conditionChanges = 0;
  const pods = [pod("a", 10 * MIB), pod("b", 500 * MIB)];
  const isGone = (name: string) => evicted.some(([one]) => one === name);
  const workers = pods.map(({ pod: one }) => ({
    uid: one.metadata?.uid ?? "",
    get isEnding() {
      return isGone(one.metadata?.uid ?? "");
    },
    evict: (end: PodEnd) => void evicted.push([one.metadata?.uid ?? "", end]),
  }));
  const usage = (used: number) => ({ memory: { workingSetBytes: used } });
  const stats = { pods: pods.map(({ pod: one, used }) => ({ pod: one, usage: usage(used) })) } as unknown as Stats;
  manager = new EvictionManager({
    clock,
    logger: silentLogger,
    metrics: createMetrics(),
    stats: { collect: async () => stats },
    rootDirectory: "/",
    imageFolder: async () => "/",
    workers: () => workers as unknown as PodWorker[],
    reclaimImages: async () => images-- > 0,
    changed: () => void (conditionChanges += 1),
    observe: async () => observations,
  });
});

test("one pod at a time is ended while memory is short", async () => {
  await manager.look();
  expect([evicted, manager.has("MemoryPressure")]).toEqual([[], false]);
  observations = { ...plenty, "memory.available": { available: 50 * MIB, capacity: 4 * GIB } };
  await manager.look();
  expect(evicted.map(([name, { reason, isDisruption }]) => [name, reason, isDisruption])).toEqual([
    ["b", "Evicted", true],
  ]);
  await manager.look();
  expect(evicted.map(([name]) => name)).toEqual(["b", "a"]);
  expect([manager.has("MemoryPressure"), conditionChanges]).toEqual([true, 1]);
});

test("a condition stays for five minutes after there is enough again", async () => {
  observations = { ...plenty, "memory.available": { available: 50 * MIB, capacity: 4 * GIB } };
  await manager.look();
  observations = plenty;
  await clock.advance(299_000);
  await manager.look();
  expect(manager.has("MemoryPressure")).toBe(true);
  await clock.advance(2000);
  await manager.look();
  expect([manager.has("MemoryPressure"), conditionChanges]).toEqual([false, 2]);
});

test("a disk that is full loses unused images before it loses pods", async () => {
  observations = { ...plenty, "imagefs.available": { available: GIB, capacity: 100 * GIB } };
  images = 1;
  await manager.look();
  expect([evicted, manager.has("DiskPressure")]).toEqual([[], true]);
  await manager.look();
  expect(evicted).toHaveLength(1);
});
