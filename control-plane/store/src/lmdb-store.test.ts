import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@tsukube/testing";
import { afterAll, expect, test } from "vitest";
import { storeConformance } from "./conformance.ts";
import { openFile, putAll } from "./lmdb-file.ts";
import { decodeMeta, encodeLog, encodeMeta, encodeVersion, META_KEY, sumOf } from "./lmdb-format.ts";
import { lmdbStore } from "./lmdb-store.ts";
import type { Mutation, Store } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "tsukube-lmdb-"));
afterAll(() => rmSync(folder, { recursive: true }));
let made = 0;
const newPath = (): string => join(folder, String(made++), "store.lmdb");

storeConformance("lmdb", async () => {
  const clock = new VirtualClock();
  const store = await lmdbStore({ path: newPath(), clock })(() => {});
  return { store, now: () => clock.now(), advance: (ms) => clock.advance(ms) };
});

const put = (key: string, value: string): Mutation => ({
  type: "put",
  key,
  value: Buffer.from(value),
  expected: "any",
});

/** Revisions of the events after `revision`, until there are so many. */
async function revisionsAfter(store: Store, revision: number, count: number): Promise<readonly number[]> {
  const seen: number[] = [];
  for await (const event of store.watch("", revision, new AbortController().signal)) {
    if (event.type !== "put") continue;
    seen.push(event.record.revision);
    if (seen.length === count) break;
  }
  return seen;
}

test("writes that share a transaction of the file are read, watched and forgotten as if each had one", async () => {
  const path = newPath();
  const open = lmdbStore({ path, clock: new VirtualClock() });
  let store = await open(() => {});
  const many = Array.from({ length: 1500 }, (_, index) => index + 1);
  await Promise.all(many.map((number) => store.commit([put("/a", String(number)), put(`/${number}`, "x")])));
  await store.commit([put("/a", "last")]);
  for (const middle of [700, 1499]) {
    await store.compact(middle);
    expect(store.compactedRevision).toBe(middle);
    await expect(store.get("/a", { revision: middle - 1 })).rejects.toMatchObject({ code: "compacted" });
    for (const revision of [middle, middle + 1]) {
      const record = await store.get("/a", { revision });
      expect([record?.revision, record?.value.toString()]).toEqual([revision, String(revision)]);
    }
    const left = many.filter((number) => number > middle).flatMap((number) => [number, number]);
    expect(await revisionsAfter(store, middle, left.length + 1)).toEqual([...left, 1501]);
  }
  await store.compact(1501);
  await store.close();
  // nothing but the present is left
  store = await open(() => {});
  expect([store.revision, store.compactedRevision]).toEqual([1501, 1501]);
  expect((await store.range("")).records).toHaveLength(1501);
  await store.close();
  const db = openFile(path, { readOnly: true });
  expect(db.getKeysCount()).toBe(1502);
  await db.close();
});

test("a file of the format before is gone on with, and becomes one of the new format", async () => {
  const path = newPath();
  const clock = new VirtualClock();
  await lmdbStore({ path, clock })(() => {}).then((store) => store.close());
  const versions = [1, 2, 3].map((revision) =>
    encodeVersion({
      ...{ key: "/a", revision, deleted: false, createRevision: 1, previous: revision - 1, expiresAt: 0 },
      ...{ index: Buffer.from("i"), value: Buffer.from(String(revision)) },
    }),
  );
  // each log entry was of one commit
  const logs = [1, 2, 3].map((revision) => encodeLog({ revision, time: revision * 1000, commits: [["/a"]] }));
  const entries = [...versions, ...logs];
  const sum = entries.reduce((all, entry) => (all ^ sumOf(entry)) >>> 0, 0);
  const meta = { format: 1, revision: 3, compacted: 0, count: entries.length, sum };
  const old = openFile(path);
  await putAll(old, [...entries, { key: META_KEY, value: encodeMeta(meta) }]);
  await old.close();

  const store = await lmdbStore({ path, clock })(() => {});
  expect((await store.get("/a", { revision: 2 }))?.value.toString()).toBe("2");
  expect(await revisionsAfter(store, 1, 2)).toEqual([2, 3]);
  await Promise.all([store.commit([put("/a", "4")]), store.commit([put("/b", "5")])]);
  expect(await revisionsAfter(store, 2, 3)).toEqual([3, 4, 5]);
  await store.compact(4);
  expect((await store.get("/a", { revision: 4 }))?.value.toString()).toBe("4");
  await store.close();
  const now = openFile(path, { readOnly: true });
  expect(decodeMeta(now.get(META_KEY)!).format).toBe(2);
  await now.close();
});
