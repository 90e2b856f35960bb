import type { Event } from "@tsukube/api/types/core-v1";
import { silentLogger } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { createEventRecorder, referenceTo } from "./event-recorder.ts";
import type { Client } from "./types.ts";

const POD = { metadata: { namespace: "shop", name: "web", uid: "u1", resourceVersion: "7" } };
const about = referenceTo(POD, "v1", "Pod");

function setUp() {
  const written = new Map<string, Event>();
  let now = Date.UTC(2026, 0, 1);
  const events = {
    create: async (event: Event) => void written.set(event.metadata?.name ?? "", event),
    patch: async (name: string, { body }: { body: Partial<Event> }) => {
      const before = written.get(name);
      if (before === undefined) throw new Error("expired");
      written.set(name, { ...before, ...body });
    },
  };
  const client = { resource: () => events } as unknown as Client;
  const clock = { now: () => now } as Parameters<typeof createEventRecorder>[0]["clock"];
  const recorder = createEventRecorder({ client, clock, logger: silentLogger, component: "tester" });
  const wait = (ms: number): void => {
    now += ms;
  };
  return { recorder, written, wait, all: () => [...written.values()] };
}

test("an event says what it is about, why, and who noticed", async () => {
  const { recorder, all } = setUp();
  recorder.event(about, "Warning", "Unhealthy", "probe failed");
  await recorder.close();
  expect(all()).toMatchObject([
    {
      involvedObject: { kind: "Pod", namespace: "shop", name: "web", uid: "u1" },
      type: "Warning",
      reason: "Unhealthy",
      message: "probe failed",
      count: 1,
      source: { component: "tester" },
      firstTimestamp: "2026-01-01T00:00:00Z",
    },
  ]);
});

test("an equal event counts up and keeps its first time", async () => {
  const { recorder, all, wait } = setUp();
  for (let index = 0; index < 3; index += 1) {
    recorder.event(about, "Warning", "BackOff", "restarting");
    wait(60_000);
  }
  await recorder.close();
  expect(all()).toMatchObject([
    { count: 3, firstTimestamp: "2026-01-01T00:00:00Z", lastTimestamp: "2026-01-01T00:02:00Z" },
  ]);
});

test("an event that expired is written anew", async () => {
  const { recorder, written } = setUp();
  recorder.event(about, "Normal", "Pulled", "there");
  await recorder.close();
  written.clear();
  recorder.event(about, "Normal", "Pulled", "there");
  await recorder.close();
  expect([...written.values()]).toMatchObject([{ count: 1 }]);
});

test("the tenth similar event and those after it share one", async () => {
  const { recorder, all } = setUp();
  for (let index = 1; index <= 14; index += 1) recorder.event(about, "Warning", "Failed", `attempt ${index}`);
  await recorder.close();
  expect(all()).toHaveLength(10);
  expect(all().at(-1)).toMatchObject({ count: 5, message: "(combined from similar events): attempt 14" });
});

test("an object floods nobody: 25 events at once, then one in five minutes", async () => {
  const { recorder, all, wait } = setUp();
  for (let index = 0; index < 40; index += 1) recorder.event(about, "Normal", `Reason${index}`, "x");
  await recorder.close();
  expect(all()).toHaveLength(25);
  wait(300_000);
  recorder.event(about, "Normal", "Later", "x");
  recorder.event(about, "Normal", "TooSoon", "x");
  await recorder.close();
  expect(all()).toHaveLength(26);
});
