import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { GracePeriod } from "./grace-period.ts";

test("a grace period counts down and ends; what takes longer is not waited for", async () => {
  const clock = new VirtualClock(0);
  const grace = new GracePeriod(clock, 30);
  let waited = false;
  void grace.within(new Promise(() => {})).then(() => (waited = true));
  await clock.advance(12_000);
  expect([grace.seconds, grace.signal.aborted, waited]).toEqual([18, false, false]);
  await clock.advance(18_000);
  expect([grace.seconds, grace.signal.aborted, waited]).toEqual([0, true, true]);
});

test("it can be shortened, whoever waits hears of it, and it never gets longer", async () => {
  const clock = new VirtualClock(0);
  const grace = new GracePeriod(clock, 30);
  let heard = 0;
  const stop = grace.onShortened(() => (heard += 1));
  grace.shorten(40);
  expect([grace.seconds, heard]).toEqual([30, 0]);
  grace.shorten(5);
  expect([grace.seconds, heard]).toEqual([5, 1]);
  stop();
  grace.shorten(0);
  await clock.advance(0);
  expect([grace.signal.aborted, heard]).toEqual([true, 1]);
});

test("work that is done in time, or fails, is waited for no longer", async () => {
  const grace = new GracePeriod(new VirtualClock(0), 30);
  await grace.within(Promise.resolve());
  await grace.within(Promise.reject(new Error("hook")));
  expect(grace.signal.aborted).toBe(false);
  grace.close();
});
