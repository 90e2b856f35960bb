import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import type { StoreEvent } from "./store.ts";
import { Watcher, Watchers } from "./watchers.ts";

const event = (key: string, revision: number): StoreEvent => ({
  ...{ type: "put", previous: undefined },
  record: { key, value: Buffer.alloc(0), index: Buffer.alloc(0), revision, createRevision: revision },
});

/** What a watcher was told, as far as it has come. */
function told(watchers: Watchers, prefix: string, signal: AbortSignal): string[] {
  return read(watchers.watch(prefix, [], signal));
}

function read(events: AsyncIterable<StoreEvent>): string[] {
  const seen: string[] = [];
  void (async () => {
    for await (const one of events)
      seen.push(one.type === "put" ? one.record.key : one.type === "progress" ? `at ${one.revision}` : one.key);
  })();
  return seen;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a commit is told to those whom it concerns, whole and with its revision, to others only that it was", async () => {
  const clock = new VirtualClock();
  const watchers = new Watchers(clock);
  const stop = new AbortController();
  const [all, pods, one, other] = ["", "/pods/", "/pods/a/1", "/nodes/"].map((prefix) =>
    told(watchers, prefix, stop.signal),
  );
  watchers.publish([event("/pods/a/1", 7), event("/pods/b/1", 7)], 7);
  watchers.publish([event("/pods/a/12", 8)], 8);
  watchers.publish([event("/pod", 9)], 9);
  await turn();
  expect(all).toEqual(["/pods/a/1", "/pods/b/1", "at 7", "/pods/a/12", "at 8", "/pod", "at 9"]);
  expect(pods).toEqual(["/pods/a/1", "/pods/b/1", "at 7", "/pods/a/12", "at 8"]);
  expect(one).toEqual(["/pods/a/1", "at 7", "/pods/a/12", "at 8"]);
  expect(other).toEqual([]);
  await clock.advance(1000);
  expect([all?.length, pods?.at(-1), one?.at(-1), other]).toEqual([7, "at 9", "at 9", ["at 9"]]);
  stop.abort();
  watchers.close();
});

test("a commit keeps its revision, however soon more of them are reached", async () => {
  const progress = (revision: number): StoreEvent => ({ type: "progress", revision });
  const watcher = new Watcher("/pods/", () => {});
  watcher.offer([event("/pods/1", 7), progress(7)]);
  for (const revision of [8, 9, 10]) watcher.offer([progress(revision)]);
  const seen = read(watcher);
  await turn();
  expect(seen).toEqual(["/pods/1", "at 7", "at 10"]);
  watcher.offer([event("/pods/2", 11)]);
  await turn();
  for (const revision of [11, 12, 13, 14]) watcher.offer([progress(revision)]);
  await turn();
  expect(seen.slice(3)).toEqual(["/pods/2", "at 11", "at 14"]);
  watcher.close(undefined);
});

test("who falls too far behind is told so, and skips nothing before that", async () => {
  const watchers = new Watchers(new VirtualClock());
  const events = watchers.watch("/a/", [], new AbortController().signal)[Symbol.asyncIterator]();
  const stop = new AbortController();
  const quick = told(watchers, "/a/", stop.signal);
  const first = events.next();
  watchers.publish([event("/a/0", 1)], 1);
  expect((await first).value).toMatchObject({ record: { revision: 1 } });
  for (let revision = 2; revision <= 60_000; revision += 1) {
    watchers.publish([event(`/a/${revision}`, revision)], revision);
    if (revision % 1000 === 0) await turn();
  }
  // two entries a commit: it was told when there were too many
  let seen = 1;
  const rest = (async () => {
    for (let next = await events.next(); next.done !== true; next = await events.next())
      if (next.value.type === "put") expect(next.value.record.revision).toBe((seen += 1));
  })();
  await expect(rest).rejects.toMatchObject({ code: "compacted" });
  expect(seen).toBeGreaterThan(49_000);
  expect(quick).toHaveLength(120_000);
  stop.abort();
  watchers.close();
});

test("of ten thousand who watch something else, a commit touches none", async () => {
  const clock = new VirtualClock();
  const watchers = new Watchers(clock);
  const stop = new AbortController();
  const others = Array.from({ length: 10_000 }, (_, index) =>
    told(watchers, `/maps/default/other-${index}`, stop.signal),
  );
  await turn();
  const seen = told(watchers, "/maps/default/mine", stop.signal);
  for (let revision = 1; revision <= 1000; revision += 1)
    watchers.publish([event("/maps/default/mine", revision)], revision);
  await turn();
  expect(seen).toHaveLength(2000);
  expect(others.every((other) => other.length === 0)).toBe(true);
  await clock.advance(1000);
  // once, of all thousand
  expect(others.every((other) => other.length === 1 && other[0] === "at 1000")).toBe(true);
  stop.abort();
  watchers.close();
});

test("who leaves a watch hears nothing more, also of its end", async () => {
  const watchers = new Watchers(new VirtualClock());
  const watch = watchers.watch("/", [event("/a", 1), event("/b", 2)], new AbortController().signal);
  for await (const _first of watch) {
    watchers.close();
    break;
  }
  expect(await watch[Symbol.asyncIterator]().next()).toEqual({ value: undefined, done: true });
});
