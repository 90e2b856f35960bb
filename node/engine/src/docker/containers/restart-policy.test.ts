import { expect, test } from "vitest";
import type { ContainerState, DockerContainer } from "./container-record.ts";
import { restartDelay, restarts, startsWithEngine } from "./restart-policy.ts";

const container = (policy: string, state: Partial<ContainerState> = {}, retries = 0): DockerContainer =>
  ({
    hostConfig: { RestartPolicy: { Name: policy, MaximumRetryCount: retries } },
    state: { status: "exited", isStoppedByUser: false, restartCount: 0, ...state },
  }) as unknown as DockerContainer;

test.each([
  ["no", 1, false],
  ["always", 0, true],
  ["unless-stopped", 0, true],
  ["on-failure", 0, false],
  ["on-failure", 3, true],
] as const)("with the policy %s, an end with %i is followed by a start: %s", (policy, exitCode, expected) => {
  expect(restarts(container(policy), exitCode)).toBe(expected);
  expect(restarts(container(policy, { isStoppedByUser: true }), exitCode)).toBe(false);
});

test("on-failure gives up after its retries", () => {
  expect(restarts(container("on-failure", { restartCount: 1 }, 2), 1)).toBe(true);
  expect(restarts(container("on-failure", { restartCount: 2 }, 2), 1)).toBe(false);
});

test("a start of the engine brings back what is always to run, what nobody stopped, and what failed", () => {
  expect(startsWithEngine(container("always", { isStoppedByUser: true }))).toBe(true);
  expect(startsWithEngine(container("unless-stopped", { isStoppedByUser: true }))).toBe(false);
  expect(startsWithEngine(container("unless-stopped"))).toBe(true);
  expect(startsWithEngine(container("always", { status: "created" }))).toBe(false);
  expect(startsWithEngine(container("on-failure", { exitCode: 137 }))).toBe(true);
  expect(startsWithEngine(container("on-failure", { exitCode: 0 }))).toBe(false);
  expect(startsWithEngine(container("on-failure", { exitCode: 1, restartCount: 2 }, 2))).toBe(false);
});

test("waits double up to a minute, and begin anew after a steady run", () => {
  expect([restartDelay(0, 10), restartDelay(100, 10), restartDelay(50_000, 10)]).toEqual([100, 200, 60_000]);
  expect(restartDelay(6400, 11_000)).toBe(100);
});
