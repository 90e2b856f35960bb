import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import { silentLogger } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { diskUsage } from "@tsukube/kernel";
import { VirtualClock } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PodEnd, PodWorker } from "../pods/pod-worker.ts";
import { runtimeContainer } from "../pods/runtime-under-test.ts";
import { excessOf, watchStorageLimits } from "./storage-limits.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "limits-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const MIB = 1 << 20;
const limits = (size: string) => ({ limits: { "ephemeral-storage": size } });
const volumes = [
  { name: "limited", emptyDir: { sizeLimit: "1Mi" } },
  { name: "memory", emptyDir: { sizeLimit: "1Mi", medium: "Memory" } },
  { name: "free", emptyDir: {} },
];
const pod = (...containers: { name: string; resources?: object }[]): Pod => ({ spec: { containers, volumes } });

test.each([
  ["", { limited: 2 * MIB }, {}, 'Usage of EmptyDir volume "limited" exceeds the limit "1Mi". '],
  ["", { memory: 2 * MIB, free: 2 * MIB }, { a: 9 * MIB }, undefined],
  ["2Mi", {}, { a: 3 * MIB }, 'Container a exceeded its local ephemeral storage limit "2Mi". '],
  ["2Mi", {}, { b: 9 * MIB }, "Pod ephemeral local storage usage exceeds the total limit of containers 2097152. "],
  [
    "2Mi",
    { free: MIB },
    { a: 1.5 * MIB },
    "Pod ephemeral local storage usage exceeds the total limit of containers 2097152. ",
  ],
  ["2Mi", { free: MIB }, { a: MIB }, undefined],
])("a limit of %j, volumes %j, containers %j: %s", (limit, ofVolumes, ofContainers, message) => {
  const limited = pod({ name: "a", ...(limit !== "" && { resources: limits(limit) }) }, { name: "b" });
  const sizes = (of: object) => new Map(Object.entries(of as Record<string, number>));
  expect(excessOf(limited, { volumes: sizes(ofVolumes), containers: sizes(ofContainers) })).toBe(message);
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

/** The ends of a pod after some time, in which its container has written `written` bytes. */
async function endsOf(of: Pod, written: number, expectsEnd = true): Promise<readonly PodEnd[]> {
  const clock = new VirtualClock();
  const ends: PodEnd[] = [];
  const runtime = { sandbox: undefined, containers: [runtimeContainer("a")] };
  const worker = { pod: of, runtime, isEnding: false, evict: (end: PodEnd) => void ends.push(end) };
  const stop = watchStorageLimits({
    clock,
    logger: silentLogger,
    workers: () => [worker as unknown as PodWorker],
    placesOf: () => ({ folder, logs: join(folder, "logs"), cgroup: "", message: () => "" }),
    writtenBytes: async () => written,
  });
  for (let step = 0; step < (expectsEnd ? 3000 : 100) && ends.length === 0; step += 1) {
    await clock.advance(1000);
    await realClock.sleep(1); // files are read by threads that the clock does not see
  }
  stop();
  return ends;
}

test("a pod that takes too much is ended, and told what it was", async () => {
  mkdirSync(join(folder, "volumes/limited"), { recursive: true });
  mkdirSync(join(folder, "logs/a"), { recursive: true });
  const limited = pod({ name: "a", resources: limits("3Mi") });
  expect(await endsOf(limited, MIB, false)).toEqual([]);
  writeFileSync(join(folder, "logs/a/0.log"), Buffer.alloc(2.5 * MIB, 1));
  expect((await endsOf(limited, MIB))[0]).toMatchObject({
    reason: "Evicted",
    message: expect.stringMatching(/^Container a exceeded/),
  });
  writeFileSync(join(folder, "volumes/limited/x"), Buffer.alloc(2 * MIB, 1));
  expect((await endsOf(pod({ name: "a" }), 0))[0]?.message).toMatch(/^Usage of EmptyDir volume "limited"/);
});
