import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { open as openHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test, vi } from "vitest";
import { lmdbStore } from "./lmdb-store.ts";
import type { Mutation, Store, StoredRecord } from "./store.ts";

const put = (key: string, value: Buffer): Mutation => ({ type: "put", key, value, expected: "any" });

test("a file that became large gives its space back while it is read and written, and loses nothing", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-defragment-"));
  const path = join(folder, "data.mdb");
  const open = lmdbStore({ path, clock: realClock });
  const store = (await open(() => {})) as Store & { defragment(): Promise<void> };
  try {
    for (let i = 0; i < 20; i += 1)
      await store.commit(Array.from({ length: 100 }, (_, j) => put(`/k/${i}/${j}`, Buffer.alloc(4000, "x"))));
    await store.commit([put("/kept", Buffer.from("1"))]);
    const old = store.revision;
    for (let i = 0; i < 20; i += 1)
      await store.commit(
        Array.from({ length: 100 }, (_, j): Mutation => ({ type: "delete", key: `/k/${i}/${j}`, expected: "any" })),
      );
    await store.compact(store.revision - 1);
    const before = statSync(path).size;
    let going = true;
    let written = 0;
    const writing = (async () => {
      for (; going; written += 1) await store.commit([put("/kept", Buffer.from(String(written)))]);
    })();
    const seen: number[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const event of store.watch("", store.revision, stop.signal))
        if (event.type === "put") seen.push(event.record.revision);
    })();
    for (let turn = 0; turn < 3; turn += 1) {
      await store.defragment();
      expect(await store.get("/kept")).toBeDefined();
      expect(await store.get("/kept", { revision: store.revision - 1 })).toBeDefined();
    }
    going = false;
    await writing;
    const last = store.revision;
    stop.abort();
    await watching;
    expect(statSync(path).size).toBeLessThan(before / 10);
    expect(seen).toEqual(Array.from({ length: seen.length }, (_, i) => seen[0]! + i));
    expect(seen.at(-1)).toBe(last);
    await expect(store.get("/kept", { revision: old })).rejects.toMatchObject({ code: "compacted" });
    await store.close();
    expect(readdirSync(folder).sort()).toEqual(["data.mdb", "data.mdb-lock"]);
    const records: StoredRecord[] = [];
    const again = await open((record) => void records.push(record));
    expect(records.map(({ key, revision }) => [key, revision])).toEqual([["/kept", last]]);
    expect(await again.commit([put("/more", Buffer.from("1"))])).toBe(last + 1);
    await again.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("by itself a file gives back what most of it is, once history no longer has it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-defragment-"));
  const path = join(folder, "data.mdb");
  const clock = new VirtualClock();
  const store = await lmdbStore({ path, clock, historyMs: 60_000 })(() => {});
  try {
    const large = Buffer.alloc(1024 * 1024, "x");
    for (let i = 0; i < 80; i += 1) await store.commit([put(`/k/${i % 2}`, large)]);
    expect(statSync(path).size).toBeGreaterThan(80 * large.length);
    for (let turn = 0; turn < 200 && statSync(path).size > 10 * large.length; turn += 1) {
      await clock.advance(60_000);
      await realClock.sleep(20); // the copy is written in real time
    }
    expect(statSync(path).size).toBeLessThan(10 * large.length);
    expect((await store.get("/k/1"))?.value).toEqual(large);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
});

test("when the folder of a copy cannot be made durable that is told, and what is written after it is in the copy", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-defragment-"));
  const open = lmdbStore({ path: join(folder, "data.mdb"), clock: realClock });
  const handle = await openHandle(folder);
  const handles = Object.getPrototypeOf(handle) as typeof handle;
  await handle.close();
  const store = (await open(() => {})) as Store & { defragment(): Promise<void> };
  try {
    await store.commit([put("/before", Buffer.from("1"))]);
    // the copy's own sync passes, the folder's fails
    vi.spyOn(handles, "sync").mockResolvedValueOnce().mockRejectedValueOnce(new Error("EIO: i/o error, fsync"));
    await expect(store.defragment()).rejects.toThrow(/EIO/);
    vi.restoreAllMocks();
    await store.commit([put("/after", Buffer.from("1"))]);
    await store.close();
    const keys: string[] = [];
    const again = await open(({ key }) => void keys.push(key));
    await again.close();
    expect(keys).toEqual(["/after", "/before"]);
  } finally {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  }
});
