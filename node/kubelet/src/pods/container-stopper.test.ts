import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { VirtualClock } from "@tsukube/testing";
import { beforeEach, expect, test } from "vitest";
import { ContainerStopper } from "./container-stopper.ts";
import { GracePeriod } from "./grace-period.ts";
import type { PodContext } from "./pod-context.ts";
import { runtimeContainer } from "./runtime-under-test.ts";

let clock: VirtualClock;
let log: string[];
/** How long each container takes to end after its signal, in ms; none: until it is killed. */
let takes: Record<string, number>;
let hookTakes: number;
let stopper: ContainerStopper;

beforeEach(() => {
  clock = new VirtualClock(0);
  log = [];
  takes = {};
  hookTakes = 0;
  const note = (what: string): void => void log.push(`${clock.now() / 1000} ${what}`);
  const StopContainer = async ({ containerId, timeout }: { containerId: string; timeout: number }) => {
    note(`signal ${containerId.slice(0, -2)} ${timeout}s`);
    await clock.sleep(Math.min(takes[containerId.slice(0, -2)] ?? Number.POSITIVE_INFINITY, timeout * 1000));
    return {};
  };
  const ExecSync = async () => {
    note("hook");
    await clock.sleep(hookTakes);
    return { exitCode: 0 };
  };
  stopper = new ContainerStopper({
    cri: { runtime: { StopContainer, ExecSync } },
    prober: { forget: () => {} },
    options: { clock, addresses: [] },
    event: () => {},
  } as unknown as PodContext);
});

const hooked: Container = { name: "app", lifecycle: { preStop: { exec: { command: ["bye"] } } } };
const pod = (...initContainers: Container[]): Pod => ({ spec: { containers: [hooked], initContainers } });
const sidecar = (name: string): Container => ({ name, restartPolicy: "Always" });

async function stopAll(of: Pod, names: readonly string[], seconds: number): Promise<void> {
  const grace = new GracePeriod(clock, seconds);
  const done = stopper.stopAll(
    of,
    names.map((name) => runtimeContainer(name)),
    grace,
  );
  await clock.advance(60_000);
  await done;
}

test("the hook runs first, and what it took is missing from the time for the signal", async () => {
  hookTakes = 4000;
  takes["app"] = 1000;
  await stopAll(pod(), ["app"], 10);
  expect(log).toEqual(["0 hook", "4 signal app 6s"]);
});

test("a hook that takes all the time is waited for no longer, and two seconds are left for the signal", async () => {
  hookTakes = 30_000;
  await stopAll(pod(), ["app"], 5);
  expect(log).toEqual(["0 hook", "5 signal app 2s"]);
});

test("without any time nothing is asked", async () => {
  await stopAll(pod(), ["app"], 0);
  expect(log).toEqual(["0 signal app 0s"]);
});

test("sidecars end after the others, the last one first", async () => {
  takes = { app: 3000, one: 1000, two: 2000 };
  await stopAll(pod(sidecar("one"), sidecar("two")), ["one", "two", "app"], 30);
  expect(log).toEqual(["0 hook", "0 signal app 30s", "3 signal two 27s", "5 signal one 25s"]);
});

test("sidecars do not wait longer than there is time", async () => {
  await stopAll(pod(sidecar("one")), ["one", "app"], 10);
  expect(log).toEqual(["0 hook", "0 signal app 10s", "10 signal one 2s"]);
});

test("who is in a hurry meanwhile shortens the wait", async () => {
  const grace = new GracePeriod(clock, 30);
  const done = stopper.stop(pod(), runtimeContainer("app"), grace);
  await clock.advance(10_000);
  grace.shorten(1);
  await clock.advance(60_000);
  await done;
  expect(log).toEqual(["0 hook", "0 signal app 30s", "10 signal app 1s"]);
});
