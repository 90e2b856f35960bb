import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { realClock } from "@tsukube/host";
import { lmdbStore, type Store } from "@tsukube/store";
import { open } from "lmdb";
import { hammer } from "./bench-hammer.ts";
import type { Measured } from "./bench-scenarios.ts";

const VALUE = Buffer.alloc(2048, 1);
/** Ours and the other take turns, so that a busy moment of the machine meets both. */
const TURNS = 6;
const TURN_MS = 400;
const KEYS = 1000;
const KEPT = 100_000;
const WRITERS = 16;

type Put = (key: string) => Promise<unknown>;

/** Durable 2 KB puts a second, beside raw lmdb on the same disk in the same run. */
export async function puts(writers: number): Promise<readonly Measured[]> {
  return inFolder(async (folder) => {
    const store = await openStore(join(folder, "store"));
    const raw = openRaw(join(folder, "raw"));
    const ours: Put = (key) => store.commit([{ type: "put", key, value: VALUE, expected: "absent" }]);
    const [own, other] = await inTurns(writers, ours, (key) => raw.put(key, VALUE));
    const delay = await loopDelay(() => hammer(writers, (key) => ours(`${key}/delay`), TURN_MS));
    const synced = await syncMilliseconds(join(folder, "synced"));
    await store.close();
    await raw.close();
    return [
      { what: "store", value: own.rate, unit: "puts/s" },
      { what: "raw lmdb", value: other.rate, unit: "puts/s" },
      { what: "store to raw lmdb", value: own.rate / other.rate, unit: "x", goal: ">= 0.7" },
      { what: "store, CPU a put", value: own.cpu, unit: "µs" },
      { what: "raw lmdb, CPU a put", value: other.cpu, unit: "µs" },
      { what: "event loop, p99", value: delay, unit: "ms" },
      { what: "4 KB written and synced", value: synced, unit: "ms" },
    ];
  });
}

/** Milliseconds of CPU a durable put of 2 KB into a raw lmdb. */
export async function rawCommitCost(writers: number): Promise<number> {
  return inFolder(async (folder) => {
    const raw = openRaw(join(folder, "raw"));
    const put: Put = (key) => raw.put(key, VALUE);
    const [{ cpu }] = await inTurns(writers, put, put);
    await raw.close();
    return cpu / 1000;
  });
}

/** What it costs updates that old revisions are kept: the same updates on a store that keeps many, on one that keeps few, and in place. */
export async function keptHistory(): Promise<readonly Measured[]> {
  return inFolder(async (folder) => {
    const [few, many] = [await openStore(join(folder, "few")), await openStore(join(folder, "many"))];
    const raw = openRaw(join(folder, "raw"));
    const keys = Array.from({ length: KEYS }, (_, index) => `/bench/${index}`);
    const putAll = (store: Store): Promise<number> =>
      store.commit(keys.map((key) => ({ type: "put", key, value: VALUE, expected: "any" })));
    await putAll(few);
    for (let revision = 0; revision < KEPT / KEYS; revision += 1) await putAll(many);
    await raw.batch(() => {
      for (const key of keys) void raw.put(key, VALUE);
    });
    let next = 0;
    const update = (put: Put) => () => put(keys[next++ % KEYS]!);
    const into = (store: Store) => update((key) => store.commit([{ type: "put", key, value: VALUE, expected: "any" }]));
    const [kept, fresh] = await inTurns(WRITERS, into(many), into(few));
    const [own, place] = await inTurns(
      WRITERS,
      into(few),
      update((key) => raw.put(key, VALUE)),
    );
    await Promise.all([few.close(), many.close(), raw.close()]);
    return [
      { what: `updates, ${KEPT} old revisions kept`, value: kept.rate, unit: "puts/s" },
      { what: "updates, few kept", value: fresh.rate, unit: "puts/s" },
      { what: "cost of what is kept", value: (1 - kept.rate / fresh.rate) * 100, unit: "%", goal: "< 5" },
      { what: `CPU an update, ${KEPT} kept`, value: kept.cpu, unit: "µs" },
      { what: "CPU an update, few kept", value: fresh.cpu, unit: "µs" },
      { what: `written an update, ${KEPT} kept`, value: kept.written, unit: "KB" },
      { what: "written an update, few kept", value: fresh.written, unit: "KB" },
      { what: "raw lmdb in place", value: place.rate, unit: "puts/s" },
      { what: "store to raw lmdb in place", value: own.rate / place.rate, unit: "x" },
    ];
  });
}

interface Rate {
  readonly rate: number;
  /** Microseconds of CPU a call. */
  readonly cpu: number;
  /** Kilobytes a call that reached the disk, or will. */
  readonly written: number;
}

async function inTurns(writers: number, ours: Put, theirs: Put): Promise<readonly [Rate, Rate]> {
  const sums = [ours, theirs].map((put) => ({ put, count: 0, cpu: 0, written: 0 }));
  for (const { put } of sums) await hammer(writers, (key) => put(`${key}/warm`), TURN_MS);
  for (let turn = 0; turn < TURNS; turn += 1) {
    // each is first as often as the other
    for (const sum of turn % 2 === 0 ? sums : sums.toReversed()) {
      const before = process.cpuUsage();
      const written = bytesWritten();
      sum.count += await hammer(writers, (key) => sum.put(`${key}/${turn}`), TURN_MS);
      const { user, system } = process.cpuUsage(before);
      sum.cpu += user + system;
      sum.written += bytesWritten() - written;
    }
  }
  const rates = sums.map(({ count, cpu, written }) => ({
    rate: (count / (TURNS * TURN_MS)) * 1000,
    cpu: cpu / count,
    written: written / count / 1024,
  }));
  return [rates[0]!, rates[1]!];
}

/** By this process, so far. */
function bytesWritten(): number {
  return Number(/^write_bytes: (\d+)/m.exec(readFileSync("/proc/self/io", "utf8"))?.[1]);
}

/** The 99th percentile of how late timers are meanwhile. Measuring it costs a wake-up each millisecond: not while rates are taken. */
async function loopDelay(work: () => Promise<unknown>): Promise<number> {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return histogram.percentile(99) / 1e6;
}

/** What the disk itself takes for the smallest durable write. */
async function syncMilliseconds(path: string): Promise<number> {
  const page = Buffer.alloc(4096, 1);
  const file = await openHandle(path, "w");
  try {
    const times: number[] = [];
    for (let write = 0; write < 50; write += 1) {
      const began = performance.now();
      await file.write(page, 0, page.length, write * page.length);
      await file.datasync();
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b)[25]!;
  } finally {
    await file.close();
  }
}

function openStore(path: string): Promise<Store> {
  return lmdbStore({ path, clock: realClock, historyBytes: 4 * 2 ** 30 })(() => {});
}

function openRaw(path: string) {
  return open<Buffer, string>({ path, noSubdir: true, overlappingSync: false, encoding: "binary" });
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
