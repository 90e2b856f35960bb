import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import type { Mutation, Store, StoreEvent } from "./store.ts";

/** A backend under test: an empty store and its clock. */
export interface StoreUnderTest {
  readonly store: Store;
  now(): number;
  /** Lets time pass, or waits for it. */
  advance(ms: number): Promise<void>;
}

export interface ConformanceOptions {
  /** How long a record with an expiry lives in the suite; a minute by default. For backends on real time. */
  readonly expiryMs?: number;
  /** Whether nobody else writes: only then are writes acknowledged in the order of their revisions. True by default. */
  readonly ordersAcknowledgements?: boolean;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString();
const put = (key: string, value: string, expected: Mutation["expected"] = "any"): Mutation => ({
  type: "put",
  key,
  value: bytes(value),
  expected,
});
const remove = (key: string, expected: Mutation["expected"] = "any"): Mutation => ({ type: "delete", key, expected });

/**
 * What every implementation of {@link Store} promises.
 * @param open Makes an empty store, whatever revision it begins at; the test closes it.
 */
export function storeConformance(
  name: string,
  open: () => Promise<StoreUnderTest>,
  options: ConformanceOptions = {},
): void {
  const { expiryMs = 60_000, ordersAcknowledgements = true } = options;
  /** @param body Counts revisions from `base`, where the store began. */
  const withStore = async (
    body: (under: StoreUnderTest & { readonly base: number }) => Promise<void>,
  ): Promise<void> => {
    const under = await open();
    const base = under.store.revision;
    try {
      await body({ ...under, base });
    } finally {
      await under.store.close();
    }
  };

  async function take(events: AsyncIterable<StoreEvent>, count: number): Promise<string[]> {
    const out: string[] = [];
    if (count === 0) return out;
    for await (const event of events) {
      if (event.type === "progress") continue;
      const value = event.type === "put" ? `=${text(event.record.value)}` : "";
      out.push(`${event.type} ${event.type === "put" ? event.record.key : event.key}${value}`);
      if (out.length === count) break;
    }
    return out;
  }

  async function settled(check: () => boolean): Promise<void> {
    for (let turn = 0; turn < 100_000 && !check(); turn += 1)
      await new Promise<void>((resolve) => setImmediate(resolve));
    expect(check()).toBe(true);
  }

  describe(`${name} store`, () => {
    test("tells how large its file is, where it has one", async () =>
      withStore(async ({ store }) => {
        await store.commit([put("a", "1")]);
        expect((await store.size()) ?? 1).toBeGreaterThan(0);
      }));

    test("an empty store finds nothing, at its newest revision", () =>
      withStore(async ({ store, base }) => {
        expect(await store.latest()).toBe(base);
        expect(await store.get("/a")).toBeUndefined();
        expect(await store.range("/")).toEqual({ records: [], revision: base, remaining: 0 });
      }));

    test("each commit is one revision, and a record knows the ones it was made and changed at", () =>
      withStore(async ({ store, base }) => {
        expect(await store.commit([put("/a", "1"), put("/b", "1")])).toBe(base + 1);
        expect(await store.commit([put("/a", "2")])).toBe(base + 2);
        const record = await store.get("/a");
        expect([text(record?.value), record?.createRevision, record?.revision]).toEqual(["2", base + 1, base + 2]);
        expect((await store.get("/b"))?.revision).toBe(base + 1);
      }));

    test("a write with a wrong expectation changes nothing, of the whole transaction, and says what it found", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/a", "1", "absent")]);
        await expect(store.commit([put("/x", "1"), put("/a", "2", "absent")])).rejects.toMatchObject({
          code: "conflict",
          key: "/a",
          current: { revision: base + 1 },
        });
        await expect(store.commit([put("/a", "2", base + 7)])).rejects.toMatchObject({ code: "conflict" });
        await expect(store.commit([remove("/b", base + 1)])).rejects.toMatchObject({
          code: "conflict",
          current: undefined,
        });
        expect(await store.get("/x")).toBeUndefined();
        expect(store.revision).toBe(base + 1);
      }));

    test("of writes that race for one revision, one wins", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/a", "0")]);
        const tries = Array.from({ length: 20 }, (_, i) => store.commit([put("/a", String(i), base + 1)]));
        const results = await Promise.allSettled(tries);
        expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
        expect(store.revision).toBe(base + 2);
      }));

    test("a chain of writes sent without waiting sees its uncommitted predecessors", () =>
      withStore(async ({ store, base }) => {
        const writes = [
          put("/a", "1", "absent"),
          put("/a", "2", base + 1),
          put("/a", "3", base + 2),
          remove("/a", base + 3),
          put("/a", "5", "absent"),
        ];
        expect(await Promise.all(writes.map((write) => store.commit([write])))).toEqual(
          [1, 2, 3, 4, 5].map((revision) => base + revision),
        );
        expect((await store.get("/a"))?.createRevision).toBe(base + 5);
      }));

    test("a transaction that names a key twice is refused", () =>
      withStore(async ({ store }) => {
        await store.commit([put("/a", "1")]);
        await expect(store.commit([remove("/a"), put("/a", "2")])).rejects.toMatchObject({ code: "failed" });
        expect(text((await store.get("/a"))?.value)).toBe("1");
      }));

    test("compaction forgets deleted keys and keeps what was made anew", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/a", "1")]);
        await store.commit([remove("/a")]);
        await store.commit([put("/a", "2")]);
        await store.commit([put("/b", "1")]);
        await store.commit([remove("/b")]);
        await store.compact(base + 3);
        expect(text((await store.get("/a", { revision: base + 3 }))?.value)).toBe("2");
        expect((await store.range("/", { revision: base + 4 })).records.map((record) => record.key)).toEqual([
          "/a",
          "/b",
        ]);
        const seen = await take(store.watch("", base + 3, new AbortController().signal), 2);
        expect(seen).toEqual(["put /b=1", "delete /b"]);
        await store.compact(base + 5);
        expect((await store.range("/")).records.map((record) => record.key)).toEqual(["/a"]);
      }));

    test("a range of an old revision comes in pages too", () =>
      withStore(async ({ store, base }) => {
        await store.commit(["/1", "/2", "/3"].map((key) => put(key, "x")));
        await store.commit([remove("/2")]);
        const { records, remaining } = await store.range("/", { revision: base + 1, limit: 2 });
        expect([records.map((record) => record.key), remaining]).toEqual([["/1", "/2"], 1]);
      }));

    test("deleting what is absent is no revision", () =>
      withStore(async ({ store, base }) => {
        expect(await store.commit([remove("/a")])).toBe(base);
      }));

    test("ranges are in key order, below a prefix, in pages that tell how much remains", () =>
      withStore(async ({ store }) => {
        await store.commit(["/b/2", "/a/1", "/b/10", "/b/1", "/c"].map((key) => put(key, key)));
        const keys = async (options?: Parameters<Store["range"]>[1]) => {
          const { records, remaining } = await store.range("/b/", options);
          return [records.map((record) => record.key), remaining];
        };
        expect(await keys()).toEqual([["/b/1", "/b/10", "/b/2"], 0]);
        expect(await keys({ limit: 2 })).toEqual([["/b/1", "/b/10"], 1]);
        expect(await keys({ limit: 2, start: "/b/10\0" })).toEqual([["/b/2"], 0]);
      }));

    test("old revisions are read as they were", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/a", "1")]);
        await store.commit([put("/a", "2"), put("/b", "2")]);
        await store.commit([remove("/a")]);
        const at = async (revision: number) =>
          (await store.range("/", { revision: base + revision })).records.map((record) => text(record.value));
        expect(await at(1)).toEqual(["1"]);
        expect(await at(2)).toEqual(["2", "2"]);
        expect(await at(3)).toEqual(["2"]);
        expect(text((await store.get("/a", { revision: base + 2 }))?.value)).toBe("2");
        expect(await store.get("/a", { revision: base + 3 })).toBeUndefined();
        await expect(store.get("/a", { revision: base + 4 })).rejects.toMatchObject({ code: "future" });
      }));

    test("compaction forgets older revisions and keeps the present", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/old", "1")]);
        for (const value of ["1", "2", "3"]) await store.commit([put("/a", value)]);
        await store.compact(base + 3);
        expect(store.compactedRevision).toBe(base + 3);
        await expect(store.range("/", { revision: base + 2 })).rejects.toMatchObject({ code: "compacted" });
        expect(text((await store.get("/a", { revision: base + 3 }))?.value)).toBe("2");
        expect((await store.range("/")).records.map((record) => record.key)).toEqual(["/a", "/old"]);
        const watch = async () => void (await take(store.watch("", base + 2, new AbortController().signal), 1));
        await expect(watch()).rejects.toMatchObject({ code: "compacted" });
      }));

    test("watch replays from a kept revision without gaps, goes on live, and keeps to its prefix", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/a/1", "1")]);
        await store.commit([put("/a/2", "2"), put("/b/1", "x")]);
        const stop = new AbortController();
        const seen = take(store.watch("/a/", base + 1, stop.signal), 4);
        await store.commit([put("/a/1", "3")]);
        await store.commit([remove("/a/2")]);
        await store.commit([put("/a/3", "4")]);
        expect(await seen).toEqual(["put /a/2=2", "put /a/1=3", "delete /a/2", "put /a/3=4"]);
        stop.abort();
      }));

    test("whom a commit does not concern is told how far the store is, all the same", () =>
      withStore(async ({ store, advance }) => {
        const stop = new AbortController();
        const told: number[] = [];
        const watching = (async () => {
          for await (const event of store.watch("/a/", store.revision, stop.signal)) {
            if (event.type === "progress") told.push(event.revision);
            else told.push(Number.NaN);
          }
        })();
        const revision = await store.commit([put("/b/1", "1")]);
        expect(await store.latest()).toBe(revision);
        // an etcd that cannot be asked is written to, to see how far it is
        for (let turn = 0; turn < 100 && !(told.at(-1)! >= revision); turn += 1) await advance(50);
        expect(told.at(-1)).toBeGreaterThanOrEqual(revision);
        stop.abort();
        await watching;
      }));

    test("an event carries the record before it", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/a", "1")]);
        await store.commit([remove("/a")]);
        for await (const event of store.watch("", base + 1, new AbortController().signal)) {
          expect(event).toMatchObject({ type: "delete", revision: base + 2, previous: { revision: base + 1 } });
          if (event.type === "delete") expect(text(event.previous.value)).toBe("1");
          break;
        }
      }));

    test("a watch whose reader leaves is over", () =>
      withStore(async ({ store, base }) => {
        await store.commit([put("/a", "1")]);
        const stop = new AbortController();
        await take(store.watch("", base, stop.signal), 1);
        await settled(() => getEventListeners(stop.signal, "abort").length === 0);
      }));

    test("an aborted watch ends", () =>
      withStore(async ({ store }) => {
        const stop = new AbortController();
        const seen = take(store.watch("", 0, stop.signal), 1);
        stop.abort();
        expect(await seen).toEqual([]);
      }));

    test("what is readable or watched was acknowledged in the same order", () =>
      withStore(async ({ store, base }) => {
        const acknowledged: number[] = [];
        const revisions = Array.from({ length: 50 }, (_, i) => base + i + 1);
        const watched: number[] = [];
        const watching = (async () => {
          for await (const event of store.watch("", 0, new AbortController().signal)) {
            if (event.type === "put") watched.push(event.record.revision);
            if (watched.length === revisions.length) break;
          }
        })();
        await Promise.all(
          Array.from({ length: 50 }, async (_, i) => {
            acknowledged.push(await store.commit([put(`/${i}`, "x")]));
          }),
        );
        await watching;
        if (!ordersAcknowledgements) acknowledged.sort((a, b) => a - b);
        expect(acknowledged).toEqual(revisions);
        expect(watched).toEqual(revisions);
      }));

    test("a record with an expiry goes by itself, one that was renewed stays", () =>
      withStore(async ({ store, now, advance }) => {
        const expiring = (key: string, expiresAt: number): Mutation => ({
          type: "put",
          key,
          value: bytes("x"),
          expected: "any",
          expiresAt,
        });
        const soon = now() + expiryMs;
        await store.commit([expiring("/a", soon)]);
        await store.commit([expiring("/b", soon)]);
        await store.commit([expiring("/b", soon + 600_000)]);
        expect((await store.range("/")).records).toHaveLength(2);
        await advance(expiryMs + 10_000);
        expect((await store.range("/")).records.map((record) => record.key)).toEqual(["/b"]);
      }));

    test("a closed store refuses writes and ends watches with an error", () =>
      withStore(async ({ store }) => {
        const watching = take(store.watch("", 0, new AbortController().signal), 1);
        const ended = expect(watching).rejects.toMatchObject({ code: "closed" });
        await store.close();
        await ended;
        await expect(store.commit([put("/a", "1")])).rejects.toMatchObject({ code: "closed" });
      }));
  });
}
