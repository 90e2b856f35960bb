import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@tsukube/testing";
import { afterAll, expect, test, vi } from "vitest";
import { MemoryStore } from "./index.ts";
import { lmdbStore } from "./lmdb-store.ts";
import { readSnapshot } from "./snapshot.ts";
import { restoreFile, restoreInto, saveFile, savePages } from "./snapshots.ts";
import type { Mutation, StoredRecord } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "tsukube-snapshots-"));
afterAll(() => rmSync(folder, { recursive: true }));
const about = { cluster: "test", time: "2025-01-01T00:00:00Z" };
const put = (key: string, value: string, more: object = {}): Mutation => ({
  type: "put",
  key,
  value: Buffer.from(value),
  index: Buffer.from(`i${key}`),
  expected: "any",
  ...more,
});

async function openFile(path: string, clock = new VirtualClock()) {
  const records: StoredRecord[] = [];
  const store = await lmdbStore({ path, clock })((record) => void records.push(record));
  return { store, records, clock };
}

test("a snapshot taken while writes go on is one revision, whole", async () => {
  const path = join(folder, "online.mdb");
  const { store } = await openFile(path);
  await store.commit(Array.from({ length: 300 }, (_, i) => put(`/k/${String(i).padStart(4, "0")}`, "0")));
  let stop = false;
  const writing = (async () => {
    // every transaction writes both halves
    for (let i = 1; !stop; i += 1) await store.commit([put("/pair/a", String(i)), put("/pair/b", String(i))]);
  })();
  for (let turn = 0; turn < 3; turn += 1) {
    const file = join(folder, `online.${turn}`);
    const copy = join(folder, `online.${turn}.mdb`);
    await writeFile(copy, (await store.copy())!);
    const saved = await saveFile(copy, file, about);
    const seen = new Map<string, StoredRecord>();
    const summary = await readSnapshot(file, (record) => void seen.set(record.key, record));
    expect([summary.revision, summary.records]).toEqual([saved.revision, saved.records]);
    expect(seen.size).toBeGreaterThanOrEqual(300);
    const [a, b] = [seen.get("/pair/a"), seen.get("/pair/b")];
    expect([a?.revision, a?.value.toString()]).toEqual([b?.revision, b?.value.toString()]);
    for (const record of seen.values()) expect(record.revision).toBeLessThanOrEqual(summary.revision);
  }
  stop = true;
  await writing;
  await store.close();
  expect(readdirSync(folder).filter((name) => name.includes("leaving"))).toEqual([]);
  // its reader counts: nothing that was written meanwhile is missing
  await (await openFile(path)).store.close();
});

test("a restored store holds what was saved, at revisions that nobody saw before", async () => {
  const path = join(folder, "restored.mdb");
  const snapshot = join(folder, "restored.snapshot");
  const first = await openFile(path);
  await first.store.commit([put("/a", "1"), put("/b", "1")]);
  await first.store.commit([put("/a", "2")]);
  await first.store.commit([put("/soon", "x", { expiresAt: first.clock.now() + 60_000 })]);
  await saveFile(path, snapshot, about);
  await first.store.commit([{ type: "delete", key: "/b", expected: "any" }]);
  await first.store.close();

  const { now } = await restoreFile(snapshot, path);
  expect(now).toBeGreaterThan(4);
  const { store, records, clock } = await openFile(path);
  expect(records.map(({ key, revision, createRevision }) => [key, revision, createRevision])).toEqual([
    ["/a", 2, 1],
    ["/b", 1, 1],
    ["/soon", 3, 3],
  ]);
  expect(records[0]?.index.toString()).toBe("i/a");
  expect(store.revision).toBe(now);
  // who watched the store that is gone lists again
  expect(() => store.watch("", 4, new AbortController().signal)).toThrow(/compacted/);
  expect(await store.commit([put("/c", "1")])).toBe(now + 1);
  await clock.advance(70_000);
  expect(await store.get("/soon")).toBeUndefined();
  await store.close();
  expect(existsSync(`${path}.replaced`)).toBe(true);
  const after = await openFile(path);
  expect(after.records.map(({ key }) => key)).toEqual(["/a", "/b", "/c"]);
  await after.store.close();
});

test("whatever byte of a snapshot changes or is missing, it is refused and nothing is replaced", async () => {
  const path = join(folder, "kept.mdb");
  const snapshot = join(folder, "kept.snapshot");
  const { store } = await openFile(path);
  await store.commit([put("/a", "1"), put("/b", "2")]);
  await saveFile(path, snapshot, about);
  await store.close();
  const good = readFileSync(snapshot);
  const bad = join(folder, "bad.snapshot");
  const before = readFileSync(path);
  for (let at = 0; at < good.length; at += 1) {
    const changed = Buffer.from(good);
    changed[at] = changed[at]! ^ 0x20;
    writeFileSync(bad, changed);
    await expect(readSnapshot(bad), `byte ${at}`).rejects.toMatchObject({
      code: expect.stringMatching(/damaged|newer/),
    });
    writeFileSync(bad, good.subarray(0, at));
    await expect(readSnapshot(bad), `cut at ${at}`).rejects.toMatchObject({ code: "damaged" });
  }
  await expect(restoreFile(bad, path)).rejects.toMatchObject({ code: "damaged" });
  expect(readFileSync(path).equals(before)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.includes("restoring"))).toEqual([]);
  await expect(restoreFile(join(folder, "none"), path)).rejects.toThrow(/no such file, expected a snapshot$/);
  await expect(readSnapshot(folder)).rejects.toThrow(/it is a folder, expected a snapshot$/);
  await expect(saveFile(path, folder, about)).rejects.toThrow(/it is a folder, expected the name of a file$/);
  const nowhere = join(folder, "nowhere", "s");
  await expect(saveFile(path, nowhere, about)).rejects.toThrow(`Cannot save "${nowhere}": its folder is not there`);
  writeFileSync(bad, good.toString("latin1").replace('"format":1', '"format":9'), "latin1");
  await expect(restoreFile(bad, path)).rejects.toThrow(/format 9, expected at most 1; use the tsukube that wrote it/);
});

test("a snapshot of an etcd goes into one that is empty, in transactions that etcd takes", async () => {
  const clock = new VirtualClock();
  const [from, to] = [new MemoryStore({ clock }), new MemoryStore({ clock })];
  for (let i = 0; i < 250; i += 1) await from.commit([put(`/registry/${i}`, String(i))]);
  for (let i = 0; i < 10; i += 1) await from.commit([put(`/registry/large-${i}`, "x".repeat(400_000))]);
  const soon = clock.now() + 60_000;
  const file = join(folder, "etcd.snapshot");
  const pages = async function* () {
    const { records, revision } = await from.range("");
    const expiresAt = (key: string) => (key === "/registry/7" ? soon : 0);
    yield { revision, records: records.map((record) => ({ ...record, expiresAt: expiresAt(record.key) })) };
  };
  await savePages(pages(), file, { ...about, store: "etcd" });
  const commits = vi.spyOn(to, "commit");
  await restoreInto(to, file);
  const sizes = commits.mock.calls.map(([mutations]) => ({
    entries: mutations.length,
    bytes: mutations.reduce((sum, mutation) => sum + (mutation.type === "put" ? mutation.value.length : 0), 0),
  }));
  expect(Math.max(...sizes.map(({ entries }) => entries))).toBe(100);
  expect(Math.max(...sizes.map(({ bytes }) => bytes))).toBeLessThanOrEqual(1_000_000);
  const values = async (store: MemoryStore) => (await store.range("")).records.map(({ key, value }) => [key, value]);
  expect(await values(to)).toEqual(await values(from));
  await expect(restoreInto(to, file)).rejects.toThrow(/there are objects/);
  await expect(restoreFile(file, join(folder, "other.mdb"))).rejects.toThrow(/is of a cluster with an etcd/);
  await clock.advance(70_000);
  expect(await to.get("/registry/7")).toBeUndefined();
  expect((await to.range("")).records).toHaveLength(259);
});
