import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { VirtualClock } from "@tsukube/testing";
import { afterAll, expect, test } from "vitest";
import { writeFormat2 } from "../test/format-2-file.ts";
import { storeConformance } from "./conformance.ts";
import { openFile } from "./lmdb-file.ts";
import { DEFAULT_READER, expectWhole, loadThroughReader } from "./lmdb-load.ts";
import { lmdbStore } from "./lmdb-store.ts";
import { EXPIRY_CHECK_MS } from "./memory-store.ts";
import { openPast } from "./past.ts";
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

test("what cannot be a store's file is refused by its name, and left as it is", async () => {
  const inOne = (make: (path: string) => void): string => {
    const path = newPath();
    mkdirSync(dirname(path));
    make(path);
    return path;
  };
  const asFile = inOne((path) => writeFileSync(path, ""));
  for (const [path, code, says] of [
    [inOne((path) => mkdirSync(path)), "unusable", "it is a folder, expected a file that this user reads and writes"],
    [inOne((path) => symlinkSync("/nowhere/store", path)), "unusable", "it is a link that leads to no file"],
    [inOne((path) => mkdirSync(`${path}-lock`)), "unusable", '-lock": it is a folder'],
    [join(asFile, "store.lmdb"), "unusable", "expected a file"],
    [join(asFile, "in/store.lmdb"), "unusable", "ENOTDIR"],
    [asFile, "damaged", "it is empty; stop everything that uses it, then restore"],
  ] as const) {
    const before = readdirSync(folder, { recursive: true });
    const error = await lmdbStore({ path, clock: new VirtualClock(), hasWritten: true })(() => {}).catch((e) => e);
    expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
    expect(error.message).toContain(`"${path}`);
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  }
  const store = await lmdbStore({ path: asFile, clock: new VirtualClock() })(() => {}); // as one that is new
  await store.close();
});

test.each([
  ["ends", "", "ended early; "],
  ["fails", 'throw new Error("no memory")', "ended early: no memory; "],
])("a reader that %s before the end of a file tells nothing of it", async (_what, program, message) => {
  const path = newPath();
  await (await lmdbStore({ path, clock: new VirtualClock() })(() => {})).close();
  const reader = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  const refused = { code: "unusable", message: expect.stringContaining(message) };
  await expect(expectWhole(path, reader)).rejects.toMatchObject(refused);
});

test("a reader goes on as far as it is heard, and everything comes in order", async () => {
  const path = newPath();
  const store = await lmdbStore({ path, clock: new VirtualClock() })(() => {});
  const keys = Array.from({ length: 40 }, (_, number) => `/${number + 10}`);
  // each more than half of a block, and more of them than the reader is ahead
  for (const key of keys) await store.commit([put(key, "x".repeat(600_000))]);
  await store.close();
  const seen: string[] = [];
  await loadThroughReader(path, DEFAULT_READER, async ({ key }) => {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(key);
  });
  expect(seen).toEqual(keys);
});

test.skipIf(process.getuid?.() !== 0)(
  "a file that may not be read is not taken for a damaged one, or for none",
  async () => {
    const path = newPath();
    await (await lmdbStore({ path, clock: new VirtualClock() })(() => {})).close();
    const readAsNobody = (): Promise<void> => {
      process.seteuid?.("nobody");
      const reading = expectWhole(path);
      process.seteuid?.("root");
      return reading;
    };
    const refused = { code: "unusable", message: expect.stringContaining("EACCES") };
    await expect(readAsNobody()).rejects.toMatchObject(refused); // its folder is root's
    chmodSync(folder, 0o755);
    chmodSync(path, 0);
    await expect(readAsNobody()).rejects.toMatchObject(refused);
  },
);

test("a transaction waits for others as long as the least patient of its writes", async () => {
  const clock = new VirtualClock();
  const store = await lmdbStore({ path: newPath(), clock })(() => {});
  const patient = (key: string): Mutation => ({ ...put(key, "x"), patienceMs: 10 }) as Mutation;
  const waiting = store.commit([patient("/a")]);
  expect(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 50, "waits"))])).toBe("waits");
  await Promise.all([store.commit([patient("/b"), put("/c", "x")]), waiting]);
  const later = store.commit([patient("/a"), patient("/b")]);
  await clock.advance(10);
  await later;
  await store.close();
});

test("what is written anew at the moment when it is about to end does not end", async () => {
  const clock = new VirtualClock();
  let writing: Promise<number> | undefined;
  // before the store's own look at what has ended, in the same turn
  clock.after(EXPIRY_CHECK_MS, () => {
    writing = store.commit([{ ...put("/held", "anew"), expiresAt: clock.now() + 60_000 } as Mutation]);
  });
  const store = await lmdbStore({ path: newPath(), clock })(() => {});
  const soon = { expiresAt: clock.now() + EXPIRY_CHECK_MS - 1 };
  await store.commit([{ ...put("/held", "x"), ...soon } as Mutation, { ...put("/left", "x"), ...soon } as Mutation]);
  await clock.advance(EXPIRY_CHECK_MS);
  await writing;
  expect((await store.get("/held"))?.value.toString()).toBe("anew");
  expect(await store.get("/left")).toBeUndefined();
  await store.close();
});

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
  expect(db.getKeysCount()).toBe(2 * 1501 + 1);
  await db.close();
});

test.each([1, 2] as const)(
  "a file of format %s becomes one of the present format, and stays beside it",
  async (format) => {
    const path = newPath();
    mkdirSync(dirname(path));
    const clock = new VirtualClock();
    const expiresAt = clock.now() + 60_000;
    await writeFormat2(path, format, [
      { key: "/a", revision: 1, createRevision: 1, value: "first" },
      { key: "/a", revision: 3, createRevision: 1, value: "second" },
      { key: "/b", revision: 2, createRevision: 2, value: "x" },
      { key: "/b", revision: 4, createRevision: 2, deleted: true, value: "" },
      { key: "/a/below", revision: 5, createRevision: 5, value: "y" },
      { key: "/ä", revision: 6, createRevision: 6, expiresAt, value: "z" },
    ]);
    const open = lmdbStore({ path, clock });
    const visited: string[] = [];
    let store = await open(({ key, revision, createRevision, value, index }) => {
      visited.push([key, revision, createRevision, Buffer.from(value), Buffer.from(index)].join(" "));
    });
    const present = ["/a 3 1 second index of second", "/a/below 5 5 y index of y", "/ä 6 6 z index of z"];
    expect(visited).toEqual(present);
    expect([store.revision, store.compactedRevision]).toEqual([6, 6]);
    expect(await store.commit([put("/a", "third")])).toBe(7);
    await store.close();
    expect(readdirSync(dirname(path)).sort()).toEqual([`store.lmdb`, `store.lmdb-lock`, `store.lmdb.format-${format}`]);
    // it is one of this format, with all it needs
    store = await open(() => {});
    expect((await store.get("/a", { revision: 6 }))?.value.toString()).toBe("second");
    await clock.advance(120_000);
    expect((await store.range("")).records.map(({ key }) => key)).toEqual(["/a", "/a/below"]);
    await store.close();
    renameSync(`${path}.format-${format}`, path);
    expect(() => openPast(path)).toThrow(/format [12], expected 3; "tsukube up" brings it up to date/);
  },
);

test("writes that come together share one commit of the file, and those that come meanwhile the next", async () => {
  const path = newPath();
  const store = await lmdbStore({ path, clock: new VirtualClock() })(() => {});
  await store.commit([put("/first", "1")]);
  const together = (from: number) => Array.from({ length: 500 }, (_, i) => store.commit([put(`/${from + i}`, "x")]));
  const first = together(0);
  await new Promise((resolve) => setImmediate(resolve)); // those are on their way
  const revisions = await Promise.all([...first, ...together(500)]);
  expect(revisions).toEqual(Array.from({ length: 1000 }, (_, i) => i + 2));
  await store.close();
  const db = openFile(path, { readOnly: true });
  expect((db.getStats() as { readonly lastTxnId: number }).lastTxnId).toBeLessThanOrEqual(4);
  await db.close();
});

test("reads do not wait for a write that is on its way, and see nothing of it", async () => {
  const store = await lmdbStore({ path: newPath(), clock: new VirtualClock() })(() => {});
  const old = await store.commit([put("/a", "1")]);
  const newer = await store.commit([put("/a", "2")]);
  const events: number[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    for await (const event of store.watch("", newer, stop.signal))
      if (event.type === "put") events.push(event.record.revision);
  })();
  let isDurable = false;
  const writing = store.commit([put("/a", "3")]).then(() => {
    isDurable = true;
  });
  expect((await store.get("/a"))?.value.toString()).toBe("2");
  expect((await store.get("/a", { revision: old }))?.value.toString()).toBe("1");
  expect((await store.range("/")).records.map(({ revision }) => revision)).toEqual([newer]);
  expect([isDurable, store.revision, events]).toEqual([false, newer, []]);
  await writing;
  expect((await store.get("/a"))?.value.toString()).toBe("3");
  stop.abort();
  await watching;
  await store.close();
});

test("history is cut when it has more bytes than it may", async () => {
  const historyBytes = 100_000;
  const store = await lmdbStore({ path: newPath(), clock: new VirtualClock(), historyBytes })(() => {});
  for (let turn = 0; turn < 40; turn += 1) await store.commit([put("/a", String(turn).repeat(5000))]);
  const oldest = store.compactedRevision;
  // 5 to 10 KB a revision
  expect(oldest).toBeGreaterThan(15);
  await expect(store.get("/a", { revision: oldest - 1 })).rejects.toMatchObject({ code: "compacted" });
  expect((await store.get("/a", { revision: oldest }))?.revision).toBe(oldest);
  expect((await store.get("/a"))?.value.toString()).toBe("39".repeat(5000));
  await store.close();
});

test("keys of any letters live, end and begin again", async () => {
  const path = newPath();
  const open = lmdbStore({ path, clock: new VirtualClock() });
  const keys = ["/a", "/a/b", "/ab", "/ä", "/日本語-seven-x", "/😀"];
  let store = await open(() => {});
  const remove = (key: string): Mutation => ({ type: "delete", key, expected: "any" });
  await store.commit(keys.map((key) => put(key, "1")));
  await store.commit(keys.map(remove));
  await store.commit(keys.toReversed().map((key) => put(key, "2")));
  await store.commit(keys.map((key) => put(key, "3")));
  const states: readonly (readonly string[])[] = [[], ["1"], [], ["2"], ["3"]];
  for (let turn = 0; turn < 2; turn += 1) {
    for (const [revision, values] of states.entries()) {
      if (revision === 0) continue;
      for (const key of keys) expect((await store.get(key, { revision }))?.value.toString()).toBe(values[0]);
      const { records } = await store.range("", { revision });
      expect(records.map(({ key }) => key)).toEqual(values.length === 0 ? [] : keys);
    }
    const events: string[] = [];
    for await (const event of store.watch("", 2, new AbortController().signal)) {
      if (event.type === "put") events.push(event.record.key);
      if (event.type === "progress" && event.revision === 3) break;
    }
    expect(events).toEqual(keys.toReversed());
    await store.close();
    store = await open(() => {});
  }
  await store.compact(4);
  await store.close();
  const visited: string[] = [];
  store = await open(({ key, value }) => void visited.push(`${key}=${Buffer.from(value)}`));
  expect(visited).toEqual(keys.map((key) => `${key}=3`));
  await store.close();
});
