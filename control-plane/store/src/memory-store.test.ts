import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { storeConformance } from "./conformance.ts";
import { MemoryStore } from "./memory-store.ts";

storeConformance("memory", async () => {
  const clock = new VirtualClock();
  return { store: new MemoryStore({ clock }), now: () => clock.now(), advance: (ms) => clock.advance(ms) };
});

test("a fork begins with what the store holds and goes its own way", async () => {
  const store = new MemoryStore({ clock: new VirtualClock() });
  const value = Buffer.from("x");
  await store.commit([{ type: "put", key: "/a", value, expected: "any" }]);
  const fork = store.fork();
  await fork.commit([{ type: "delete", key: "/a", expected: 1 }]);
  await store.commit([{ type: "put", key: "/b", value, expected: "any" }]);
  expect((await fork.range("/")).records).toEqual([]);
  expect((await store.range("/")).records.map((record) => record.key)).toEqual(["/a", "/b"]);
});
