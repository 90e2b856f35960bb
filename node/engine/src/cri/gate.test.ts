import { expect, test } from "vitest";
import { Gate } from "./gate.ts";

test("a few are inside at a time, in order, and who fails makes room", async () => {
  const gate = new Gate(2);
  const log: string[] = [];
  const leave: (() => void)[] = [];
  const enter = (name: string): Promise<void> =>
    gate.pass(async () => {
      log.push(name);
      await new Promise<void>((resolve) => leave.push(resolve));
      if (name === "a") throw new Error("a failed");
    });
  const a = enter("a");
  const others = [enter("b"), enter("c"), enter("d")];
  expect(log).toEqual(["a", "b"]);
  leave[0]?.();
  await expect(a).rejects.toThrow("a failed");
  expect(log).toEqual(["a", "b", "c"]);
  for (let next = 1; next < 4; next++) {
    leave[next]?.();
    await Promise.resolve().then(() => {});
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await Promise.all(others);
  expect(log).toEqual(["a", "b", "c", "d"]);
});
