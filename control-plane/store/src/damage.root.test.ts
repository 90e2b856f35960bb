import { closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lmdbStore } from "./lmdb-store.ts";

const PAGE = 4096;
const SAMPLES = Number(process.env["TSUKUBE_DAMAGE_SAMPLES"] ?? 16);
let folder = "";
let path = "";
const written = new Map<string, string>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-damage-"));
  path = join(folder, "store.lmdb");
  const store = await lmdbStore({ path, clock: realClock })(() => {});
  for (let i = 0; i < 400; i += 1) {
    const key = `/registry/pods/default/pod-${i}`;
    written.set(key, `${i}:${"v".repeat(i * 10)}`);
    await store.commit([{ type: "put", key, value: Buffer.from(written.get(key)!), expected: "any" }]);
  }
  await store.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

async function load(file: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const store = await lmdbStore({ path: file, clock: realClock })((record) => {
    found.set(record.key, Buffer.from(record.value).toString());
  });
  await store.close();
  return found;
}

test("a file without damage is read whole", async () => {
  expect(await load(path)).toEqual(written);
});

test("damaged pages are reported with a remedy, or nothing was lost with them", { timeout: 120_000 }, async () => {
  const pages = Math.floor(readFileSync(path).length / PAGE);
  let reported = 0;
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    // pages 0 and 1 are LMDB's own roots
    const page = 2 + Math.floor(((pages - 2) * sample) / SAMPLES);
    const copy = join(folder, `damaged-${sample}.lmdb`);
    copyFileSync(path, copy);
    const file = openSync(copy, "r+");
    for (let at = 8 + sample; at < PAGE; at += 97) writeSync(file, Buffer.of(0xa5), 0, 1, page * PAGE + at);
    closeSync(file);
    try {
      expect(await load(copy), `page ${page}`).toEqual(written); // a free page
    } catch (error) {
      expect(error, `page ${page}`).toMatchObject({ code: "damaged" });
      expect((error as Error).message).toContain("restore");
      reported += 1;
    }
  }
  expect(reported).toBeGreaterThan(0);
});
