import { expect, test } from "vitest";
import { meets, reportOf, spreadOf } from "./bench-report.ts";
import type { Scenario } from "./bench-scenarios.ts";

const scenario = (how: string): Scenario => ({ how, limit: "the disk", measure: async () => [] });

test("a report shows how each figure was made, its spread, and whether the middle is as it should be", () => {
  const figures = [
    { what: "ratio", unit: "x", goal: ">= 0.7", values: [0.9, 0.6, 0.65] },
    { what: "rate", unit: "puts/s", values: [12_345.6] },
  ];
  const result = { time: "2025-01-02T03:04:05Z", commit: "abc", machine: "two cores", figures };
  const text = reportOf({ b: result }, { a: scenario("never run"), b: scenario("by hand") });
  expect(text).not.toContain("never run");
  expect(text).toContain("## b\n\nby hand\n\nPhysical limit: the disk\n");
  expect(text).toContain("| ratio | x | 0.60 | 0.65 | 0.90 | >= 0.7: missed |");
  expect(text).toContain("| rate | puts/s | 12,346 | 12,346 | 12,346 |  |");
  expect(text).toContain("3 runs on 2025-01-02 at commit abc: two cores.");
});

test("goals", () => {
  expect([meets("< 5", 4.9), meets("< 5", 5), meets(">= 0.7", 0.7), meets(">= 0.7", 0.69)]).toEqual([
    ...[true, false],
    ...[true, false],
  ]);
  expect([meets("<= 0.5", 0.5), meets("<= 0.5", 0.51)]).toEqual([true, false]);
  expect(() => meets("about 5", 5)).toThrow(/expected such as/);
  expect(spreadOf([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
});
