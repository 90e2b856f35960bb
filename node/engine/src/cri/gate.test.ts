import { realClock } from "@tsukube/host";
import { expect, test } from "vitest";
import { Gate, type Leave } from "./gate.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a few are inside at a time, in the order in which they came", async () => {
  const gate = new Gate(2, 60_000, realClock);
  const log: string[] = [];
  const enter = async (name: string): Promise<Leave> => {
    const leave = await gate.enter();
    log.push(name);
    return leave;
  };
  const [a, b, c, d] = ["a", "b", "c", "d"].map(enter);
  await turn();
  expect(log).toEqual(["a", "b"]);
  const leaveA = await a;
  leaveA?.();
  leaveA?.(); // a second time lets nobody in
  await turn();
  expect(log).toEqual(["a", "b", "c"]);
  (await b)?.();
  await turn();
  expect(log).toEqual(["a", "b", "c", "d"]);
  (await c)?.();
  (await d)?.();
  for (const leave of await Promise.all([gate.enter(), gate.enter()])) leave();
});

test("who stays too long makes room", async () => {
  const gate = new Gate(1, 10, realClock);
  await gate.enter();
  (await gate.enter())();
});
