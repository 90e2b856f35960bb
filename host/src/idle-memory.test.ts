import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { releaseWhenIdle } from "./idle-memory.ts";

const MB = 1024 * 1024;
const SECOND = 1_000_000;

test("memory goes back when the process is quiet and has grown, and not before", async () => {
  const clock = new VirtualClock();
  const now = { resident: 100 * MB, cpu: 0, released: 0 };
  const cancel = releaseWhenIdle(clock, {
    resident: () => now.resident,
    cpu: () => now.cpu,
    release() {
      now.released += 1;
      now.resident -= 40 * MB;
    },
  });
  const after = async (cpuSeconds: number, grownMb: number): Promise<number> => {
    now.cpu += cpuSeconds * SECOND;
    now.resident += grownMb * MB;
    await clock.advance(10_000);
    return now.released;
  };
  expect(await after(4, 0)).toBe(0); // busy with its start
  expect(await after(0.1, 0)).toBe(1);
  expect(await after(0.1, 2)).toBe(1); // what it needs at rest
  expect(await after(5, 60)).toBe(1);
  expect(await after(0.1, 0)).toBe(2);
  cancel();
  expect(await after(0.1, 90)).toBe(2);
});
