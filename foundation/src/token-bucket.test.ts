import { expect, test } from "vitest";
import { TokenBucket } from "./token-bucket.ts";

test("one at once, the next after its time, and no more for having waited long", () => {
  const bucket = new TokenBucket(0);
  expect([bucket.take(0.1, 0), bucket.take(0.1, 0), bucket.take(0.1, 5000)]).toEqual([true, false, false]);
  expect([bucket.take(0.1, 10_000), bucket.take(0.1, 10_000)]).toEqual([true, false]);
  expect([bucket.take(0.1, 100_000), bucket.take(0.1, 100_000)]).toEqual([true, false]);
});

test("without a rate nothing goes, not even what was saved", () => {
  const bucket = new TokenBucket(0);
  expect([bucket.take(0, 0), bucket.take(0, 60_000), bucket.take(0.1, 60_000)]).toEqual([false, false, true]);
});

test("as many at once as it holds", () => {
  const bucket = new TokenBucket(0, 2);
  const takes = (now: number) => [bucket.take(1, now), bucket.take(1, now), bucket.take(1, now)];
  expect(takes(0)).toEqual([true, true, false]);
  expect(takes(1000)).toEqual([true, false, false]);
  expect(takes(60_000)).toEqual([true, true, false]);
});
