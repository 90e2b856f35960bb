import type { StorageVersionMigration } from "@tsukube/api/types/storagemigration-v1";
import { expect, test } from "vitest";
import { isOver, withVerdict } from "./plan.ts";

const conditionsOf = ({ status }: StorageVersionMigration) =>
  (status?.conditions ?? []).map(({ type, status: is, message, lastTransitionTime }) =>
    [type, is, message, lastTransitionTime].join(" "),
  );

test("a migration runs, and then is over for good", () => {
  const made: StorageVersionMigration = { metadata: { name: "m" } };
  const running = withVerdict(made, "Running", "", 0);
  expect([isOver(made), isOver(running)]).toEqual([false, false]);
  const failed = withVerdict(running, "Failed", "no room", 60_000);
  expect(isOver(failed)).toBe(true);
  expect(conditionsOf(failed)).toEqual([
    "Running False  1970-01-01T00:01:00Z",
    "Failed True no room 1970-01-01T00:01:00Z",
  ]);
});

test("what a migration says already is not said again", () => {
  const running = withVerdict({ metadata: { name: "m" } }, "Running", "", 0);
  expect(withVerdict(running, "Running", "", 5000)).toBe(running);
});
