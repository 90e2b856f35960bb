import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { WorkQueue } from "./work-queue.ts";

test("a key waits once, and is worked on again when it was added meanwhile", async () => {
  const queue = new WorkQueue(new VirtualClock());
  queue.add("a");
  queue.add("a");
  queue.add("b");
  expect(queue.length).toBe(2);
  expect(await queue.take()).toBe("a");
  queue.add("a");
  expect(queue.length).toBe(1); // not while it is being worked on
  queue.done("a");
  expect([await queue.take(), await queue.take()]).toEqual(["b", "a"]);
});

test("keys of higher rank are taken first, those of one rank in the order in which they came", async () => {
  const ranks: Record<string, number> = { c: 7, e: 7, d: -1 };
  const queue = new WorkQueue(new VirtualClock(), (key) => ranks[key] ?? 0);
  for (const key of ["a", "b", "c", "d", "e"]) queue.add(key);
  const taken: (string | undefined)[] = [];
  while (queue.length > 0) taken.push(await queue.take());
  expect(taken).toEqual(["c", "e", "a", "b", "d"]);
});

test("retries back off per key and start anew once forgotten", async () => {
  const clock = new VirtualClock(0);
  const queue = new WorkQueue(clock);
  const waits: number[] = [];
  for (let i = 0; i < 4; i += 1) {
    const began = clock.now();
    queue.retry("a");
    while (queue.length === 0) await clock.advance(1);
    waits.push(clock.now() - began);
    queue.done((await queue.take())!);
  }
  expect(waits).toEqual([5, 10, 20, 40]);
  queue.forget("a");
  queue.retry("a");
  await clock.advance(5);
  expect(queue.length).toBe(1);
});

test("waits double from the first to the longest that a queue has", async () => {
  const clock = new VirtualClock(0);
  const queue = new WorkQueue(clock, undefined, undefined, { firstMs: 1000, longestMs: 3000 });
  for (const wait of [1000, 2000, 3000, 3000]) {
    queue.retry("a");
    await clock.advance(wait - 1);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(await queue.take()).toBe("a");
    queue.done("a");
  }
});

test("of several delays the earliest counts", async () => {
  const clock = new VirtualClock(0);
  const queue = new WorkQueue(clock);
  queue.addAfter("a", 100);
  queue.addAfter("a", 50);
  queue.addAfter("a", 70);
  await clock.advance(50);
  expect(queue.length).toBe(1);
  expect(clock.pending).toBe(0);
});

test("close wakes those who wait and leaves no timer", async () => {
  const clock = new VirtualClock();
  const queue = new WorkQueue(clock);
  const taking = queue.take();
  queue.addAfter("a", 100);
  queue.close();
  expect(await taking).toBeUndefined();
  expect(clock.pending).toBe(0);
});
