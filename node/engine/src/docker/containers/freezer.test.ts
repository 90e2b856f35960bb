import { startTimeOf } from "@tsukube/host";
import { expect, test } from "vitest";
import type { ContainerRecord } from "../../containers/containers.ts";
import { Freezer } from "./freezer.ts";

/** A container whose first process is this one, and what a freezer has done to it. */
function world(frozen = false) {
  const happened: string[] = [];
  let run: Partial<ContainerRecord> = { pid: process.pid, startTime: startTimeOf(process.pid) as string };
  const freezer = new Freezer({
    find: () => run as ContainerRecord,
    pause: async () => void happened.push("pause"),
    resume: async () => void happened.push("resume"),
    isFrozen: async () => frozen,
  });
  return { freezer, happened, becomes: (next: Partial<ContainerRecord>) => (run = next) };
}

test("of several that want a container to stand still the last one lets it go on", async () => {
  const { freezer, happened } = world();
  await freezer.during("a", async () => {
    await freezer.pause("a");
    await freezer.during("a", async () => {});
    expect(happened).toEqual(["pause"]);
  });
  expect(happened).toEqual(["pause"]); // a client paused it
  await freezer.resume("a");
  expect(happened).toEqual(["pause", "resume"]);
});

test("what was paused before the engine started stays so after work that needs it still", async () => {
  const { freezer, happened } = world();
  await freezer.adopt("a", true);
  await freezer.during("a", async () => {});
  expect(happened).toEqual([]);
  await freezer.resume("a");
  expect(happened).toEqual(["resume"]);
});

test("what work of a killed engine left standing goes on", async () => {
  const { freezer, happened } = world(true);
  await freezer.adopt("a", false);
  expect(happened).toEqual(["resume"]);
  await freezer.during("a", async () => {});
  expect(happened).toEqual(["resume", "pause", "resume"]);
});

test("who does not run is left alone, also when it ended meanwhile", async () => {
  const { freezer, happened, becomes } = world();
  await freezer.during("a", async () => void becomes({}));
  expect(happened).toEqual(["pause"]);
  expect(await freezer.during("a", async () => "done")).toBe("done");
  expect(happened).toEqual(["pause"]);
});

test("work that fails lets the container go on", async () => {
  const { freezer, happened } = world();
  const work = freezer.during("a", () => Promise.reject(new Error("full")));
  await expect(work).rejects.toThrow("full");
  expect(happened).toEqual(["pause", "resume"]);
});
