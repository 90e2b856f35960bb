import { expect, test } from "vitest";
import { seededRandom } from "./seeded-random.ts";
import { VirtualClock } from "./virtual-clock.ts";

test("timers fire in order of due time, at their own instant, and what they start runs before the next", async () => {
  const clock = new VirtualClock(0);
  const seen: string[] = [];
  clock.after(20, () => seen.push(`b@${clock.now()}`));
  clock.after(10, () => {
    seen.push(`a@${clock.now()}`);
    void clock.sleep(5).then(() => seen.push(`c@${clock.now()}`));
  });
  await clock.advance(30);
  expect(seen).toEqual(["a@10", "c@15", "b@20"]);
  expect(clock.now()).toBe(30);
});

test("every repeats until it is cancelled", async () => {
  const clock = new VirtualClock(0);
  let ticks = 0;
  const cancel = clock.every(10, () => {
    ticks += 1;
    if (ticks === 3) cancel();
  });
  await clock.advance(100);
  expect(ticks).toBe(3);
  expect(clock.pending).toBe(0);
});

test("settle waits for tracked work", async () => {
  const clock = new VirtualClock();
  let done = false;
  const work = new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => {
    done = true;
  });
  void clock.track(work);
  await clock.settle();
  expect(done).toBe(true);
});

test("sleep rejects with the signal's reason and leaves no timer", async () => {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const sleeping = clock.sleep(1000, abort.signal);
  abort.abort(new Error("stop"));
  await expect(sleeping).rejects.toThrow("stop");
  expect(clock.pending).toBe(0);
});

test("the same seed gives the same names", () => {
  expect(seededRandom(7).uuid()).toBe(seededRandom(7).uuid());
  expect(seededRandom(7).uuid()).not.toBe(seededRandom(8).uuid());
  expect(seededRandom(7).uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
