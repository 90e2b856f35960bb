import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import { silentLogger } from "@tsukube/foundation";
import { VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PodEnd, PodWorker } from "../pods/pod-worker.ts";
import { diskUsage } from "../stats/disk-usage.ts";
import { limitedVolumes, watchVolumeLimits } from "./volume-limits.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limits-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pod: Pod = {
  spec: {
    containers: [],
    volumes: [
      { name: "limited", emptyDir: { sizeLimit: "1Mi" } },
      { name: "memory", emptyDir: { sizeLimit: "1Mi", medium: "Memory" } },
      { name: "free", emptyDir: {} },
    ],
  },
};

test("only volumes on disk with a limit are watched", () => {
  expect(limitedVolumes(pod)).toEqual([{ name: "limited", limit: 1 << 20, shown: "1Mi" }]);
});

test("a folder takes what its files take, each once", async () => {
  mkdirSync(join(folder, "deep"));
  const empty = await diskUsage(folder);
  writeFileSync(join(folder, "deep/a"), Buffer.alloc(100_000, 1));
  linkSync(join(folder, "deep/a"), join(folder, "b"));
  const used = (await diskUsage(folder)) - empty;
  expect(used).toBeGreaterThanOrEqual(100_000);
  expect(used).toBeLessThan(150_000);
  expect(await diskUsage(join(folder, "nothing"))).toBe(0);
});

test("a pod whose volume has grown too large is ended, and told which", async () => {
  const clock = new VirtualClock();
  const ends: PodEnd[] = [];
  const worker = { pod, isEnding: false, evict: (end: PodEnd) => void ends.push(end) } as unknown as PodWorker;
  const stop = watchVolumeLimits({ clock, logger: silentLogger, workers: () => [worker], folderOf: () => folder });
  const passes = async (): Promise<void> => {
    for (let step = 0; step < 50; step += 1) {
      await clock.advance(1000);
      await new Promise((resolve) => setImmediate(resolve)); // files are read by threads that the clock does not see
    }
  };
  mkdirSync(join(folder, "volumes/limited"), { recursive: true });
  mkdirSync(join(folder, "volumes/free"));
  writeFileSync(join(folder, "volumes/free/x"), Buffer.alloc(2 << 20, 1));
  await passes();
  expect(ends).toEqual([]);
  writeFileSync(join(folder, "volumes/limited/x"), Buffer.alloc(2 << 20, 1));
  await passes();
  expect(ends[0]).toMatchObject({
    reason: "Evicted",
    message: 'Usage of EmptyDir volume "limited" exceeds the limit "1Mi". ',
  });
  stop();
});
