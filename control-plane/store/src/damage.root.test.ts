import { closeSync, copyFileSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { afterAll, beforeAll, expect, test } from "vitest";
import { show } from "../test/shown.ts";
import { lmdbStore } from "./lmdb-store.ts";
import { readSnapshot, salvageFile } from "./snapshots.ts";
import type { Mutation } from "./store.ts";

const PAGE = 4096;
/** At most as many as the file has pages; then each is damaged once. */
const SAMPLES = Number(process.env["TSUKUBE_DAMAGE_SAMPLES"] ?? 16);
/** Pages 0 and 1 are LMDB's own. */
const ROOTS = 2;
let folder = "";
let path = "";
const written = new Map<string, string>();
const put = (key: string, value: Buffer): Mutation => ({ type: "put", key, value, expected: "any" });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-damage-"));
  path = join(folder, "store.lmdb");
  const store = await lmdbStore({ path, clock: realClock })(() => {});
  for (let i = 0; i < 400; i += 1) {
    const key = `/registry/pods/default/pod-${i}`;
    written.set(key, `${i}:${"v".repeat(i * 10)}`);
    // each has an old version, and some one that was deleted before: none of them may come back
    const value = Buffer.from(written.get(key)!);
    const remove = (name: string): Mutation => ({ type: "delete", key: name, expected: "any" });
    await Promise.all([
      store.commit([put(key, Buffer.from(`old ${i}`))]),
      ...(i % 5 === 0 ? [store.commit([remove(key)])] : []),
      store.commit([put(key, value), put(`${key}-gone`, Buffer.from("x"))]),
      store.commit([remove(`${key}-gone`)]),
    ]);
  }
  await store.close();
}, 60_000);
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

/** Saves what is whole, and reads it back. */
async function salvaged(file: string) {
  const found = new Map<string, string>();
  const snapshot = `${file}.salvaged`;
  const about = { cluster: "test", time: "2025-01-01T00:00:00Z" };
  const { saved, lost } = await salvageFile(file, snapshot, about, async () => true);
  await readSnapshot(snapshot, ({ key, value }) => void found.set(key, Buffer.from(value).toString()));
  expect(found.size).toBe(saved.records);
  return { found, lost };
}

test("of a file without damage everything is whole", async () => {
  const { found, lost } = await salvaged(path);
  expect(found).toEqual(written);
  expect(lost).toEqual({ keys: [], entries: 0, isOutdated: false });
});

test("damaged pages are reported with a remedy, or nothing was lost with them", {
  timeout: 60_000 + SAMPLES * 5000,
}, async ({ task }) => {
  const pages = Math.floor(readFileSync(path).length / PAGE) - ROOTS;
  const samples = Math.min(SAMPLES, pages);
  let reported = 0;
  let whole = 0;
  for (let sample = 0; sample < samples; sample += 1) {
    const page = ROOTS + Math.floor((pages * sample) / samples);
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
      whole += await expectSalvage(copy, page);
    }
    for (const left of [copy, `${copy}-lock`, `${copy}.salvaged`]) rmSync(left, { force: true });
  }
  expect(reported).toBeGreaterThan(0);
  // not one page of a tree of many takes everything with it
  expect(whole / reported).toBeGreaterThan(0.5);
  show(task, `${samples} of ${pages} pages damaged in turn, ${reported} of them met and reported, the others free`);
});

/** What is saved of a damaged file is as it was written, and what is not is named or counted. @returns the share of it. */
async function expectSalvage(file: string, page: number): Promise<number> {
  const result = await salvaged(file).catch((error: unknown) => {
    expect(error, `page ${page}`).toMatchObject({ code: "damaged" }); // where all ways begin
    return undefined;
  });
  if (result === undefined) return 0;
  const { found, lost } = result;
  for (const [key, value] of found) expect(value, `page ${page}: ${key}`).toBe(written.get(key));
  const named = new Set(lost.keys);
  for (const key of named) expect(found.has(key), `page ${page}: ${key}`).toBe(false);
  const unnamed = [...written.keys()].filter((key) => !found.has(key) && !named.has(key));
  expect(lost.entries, `page ${page}`).toBeGreaterThanOrEqual(2 * unnamed.length);
  expect(lost.keys.length + lost.entries, `page ${page}`).toBeGreaterThan(0);
  return found.size / written.size;
}

test("damage that is met while the store is open is told, and nothing of it is served", async () => {
  const file = join(folder, "open.lmdb");
  const met: string[] = [];
  const store = await lmdbStore({ path: file, clock: realClock, onDamage: ({ code }) => void met.push(code) })(
    () => {},
  );
  const write = (key: string, value: string) => store.commit([put(key, Buffer.from(value))]);
  try {
    const old = await write("/a", "the-old-value");
    await write("/a", "new");
    await write("/b", "x");
    const at = readFileSync(file).lastIndexOf("the-old-value");
    const handle = openSync(file, "r+");
    writeSync(handle, Buffer.from("THE"), 0, 3, at);
    closeSync(handle);
    await expect(store.get("/a", { revision: old })).rejects.toMatchObject({ code: "damaged" });
    expect(() => store.watch("", old - 1, new AbortController().signal)).toThrow(/salvage/);
    expect((await store.get("/a"))?.value.toString()).toBe("new");
    await expect(store.compact(store.revision)).rejects.toMatchObject({ code: "damaged" });
    expect(met).toEqual(["damaged", "damaged", "damaged"]);
  } finally {
    await store.close();
  }
  await expect(load(file)).rejects.toMatchObject({ code: "damaged" });
});
