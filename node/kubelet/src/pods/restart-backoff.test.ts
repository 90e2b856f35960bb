import { expect, test } from "vitest";
import { formatSeconds, RestartBackoff } from "./restart-backoff.ts";
import { runtimeContainer } from "./runtime-under-test.ts";

const ended = (id: string, finishedAt: number, name = "app") =>
  runtimeContainer(name, { id, state: "exited", exitCode: 1, finishedAt });

test("the first restart is at once, the next after 10 s, then twice as long each time up to 5 minutes", () => {
  const backoff = new RestartBackoff();
  const delays: number[] = [];
  for (let at = 0, round = 0; round < 8; round += 1) {
    const { delay, until } = backoff.after(ended(`c${round}`, at));
    delays.push(delay / 1000);
    at = until + 1000;
  }
  expect(delays).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
});

test("asking again about the same end changes nothing, and each container has a wait of its own", () => {
  const backoff = new RestartBackoff();
  backoff.after(ended("a", 0));
  const first = backoff.after(ended("b", 1000));
  expect(backoff.after(ended("b", 1000))).toEqual(first);
  expect(first).toMatchObject({ delay: 10_000, until: 11_000 });
  expect(backoff.after(ended("x", 1000, "other")).delay).toBe(0);
});

test("a container that ran for more than ten minutes is forgiven", () => {
  const backoff = new RestartBackoff();
  for (const [id, at] of [
    ["a", 0],
    ["b", 1000],
    ["c", 12_000],
  ] as const)
    backoff.after(ended(id, at));
  expect(backoff.after(ended("d", 700_000)).delay).toBe(0);
  expect(backoff.after(ended("e", 701_000)).delay).toBe(10_000);
});

test("waits are written as Go does", () => {
  expect([10_000, 60_000, 160_000, 300_000].map(formatSeconds)).toEqual(["10s", "1m0s", "2m40s", "5m0s"]);
});
