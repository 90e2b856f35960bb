import { expect, test } from "vitest";
import { Turns } from "./turns.ts";

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("requests that arrive together and take long begin in several turns of the loop, in their order", async () => {
  let now = 0;
  const turns = new Turns({ monotonic: () => now });
  const begun: number[] = [];
  const request = async (id: number): Promise<void> => {
    const wait = turns.wait();
    if (wait !== undefined) await wait;
    begun.push(id);
    now += 4;
  };
  const all = Promise.all(Array.from({ length: 8 }, (_, id) => request(id)));
  const perTurn: number[] = [];
  for (let seen = 0; seen < 8; seen = begun.length) {
    perTurn.push(begun.length - seen);
    await nextTurn();
  }
  await all;
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(perTurn.length).toBeGreaterThan(3);
});

test("requests that take no time begin at once, however many", async () => {
  const turns = new Turns({ monotonic: () => 0 });
  for (let count = 0; count < 1000; count++) expect(turns.wait()).toBeUndefined();
});

test("a crowd of quick requests behind a slow one is let in by growing numbers", async () => {
  let now = 0;
  const turns = new Turns({ monotonic: () => now });
  expect(turns.wait()).toBeUndefined();
  now += 50;
  let begun = 0;
  for (let count = 0; count < 200; count++) void turns.wait()?.then(() => begun++);
  let passed = 0;
  for (; begun < 200; passed++) await nextTurn();
  expect(passed).toBeLessThan(12);
});
