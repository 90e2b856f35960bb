import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { BuildCache } from "./build-cache.ts";

test("what is used longest ago goes first, also after a restart, and use writes no record", async () => {
  const folder = mkdtempSync(join(tmpdir(), "build-cache-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  let now = Date.parse("2026-01-01T00:00:00Z");
  const open = async (): Promise<BuildCache> => {
    const cache = new BuildCache(folder, { now: () => now }, 100);
    await cache.load();
    return cache;
  };
  const put = (cache: BuildCache, key: string) =>
    cache.put({
      ...{ key, inputs: [], lineage: key, chain: [key], diffIds: [key], created: "2026-01-01T00:00:00Z" },
      layer: { diffId: key, chainId: key, size: 40 },
    });
  const first = await open();
  for (const key of ["a", "b"]) {
    now += 1000;
    await put(first, key);
  }
  const record = readFileSync(join(folder, "a"));
  now += 1000;
  expect(await first.find("a")).toMatchObject({ key: "a", usedAt: now });
  expect(readFileSync(join(folder, "a"))).toEqual(record);

  const second = await open();
  expect(second.all.map(({ key, usedAt }) => [key, usedAt]).sort()).toEqual([
    ["a", now],
    ["b", now - 1000],
  ]);
  now += 1000;
  await put(second, "c"); // 120 bytes of 100
  expect(second.all.map(({ key }) => key).sort()).toEqual(["a", "c"]);
  expect((await open()).all.map(({ key }) => key).sort()).toEqual(["a", "c"]);
});
