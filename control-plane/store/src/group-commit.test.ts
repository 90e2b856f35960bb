import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { GroupCommit } from "./group-commit.ts";

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** Batches as they were written. */
function gathered(clock: VirtualClock): { readonly commits: GroupCommit<string, void>; readonly batches: string[] } {
  const batches: string[] = [];
  const commits = new GroupCommit<string, void>({
    clock,
    write: async (batch) => void batches.push(batch.join(" ")),
    landed: () => {},
    failed: (_, error) => expect.fail(String(error)),
  });
  return { commits, batches };
}

test("writes of one turn share a commit", async () => {
  const { commits, batches } = gathered(new VirtualClock());
  for (const write of ["a", "b"]) commits.add(write);
  await turns();
  commits.add("c");
  await turns();
  expect(batches).toEqual(["a b", "c"]);
});

test("a write with patience waits for others so long, and no longer", async () => {
  const clock = new VirtualClock();
  const { commits, batches } = gathered(clock);
  commits.add("a", 10);
  await clock.advance(6);
  commits.add("b", 10);
  await clock.advance(3);
  await turns();
  expect(batches).toEqual([]);
  await clock.advance(1);
  await turns();
  expect(batches).toEqual(["a b"]);
});

test("a write without patience takes those along that wait", async () => {
  const { commits, batches } = gathered(new VirtualClock());
  commits.add("a", 10);
  await turns();
  commits.add("b");
  commits.add("c");
  await turns();
  expect(batches).toEqual(["a b c"]);
});
