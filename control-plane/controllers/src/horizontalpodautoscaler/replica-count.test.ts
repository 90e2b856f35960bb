import { expect, test } from "vitest";
import { averageOf, countReplicas, rounded, utilizationOf } from "./replica-count.ts";

const TOLERANCES = { up: 0.1, down: 0.1 };

/** Pods that each should use 100. */
function count(
  current: number,
  values: readonly number[],
  more: { unready?: number; missing?: number } = {},
  t = TOLERANCES,
) {
  const names = (prefix: string, length = 0) => new Set(Array.from({ length }, (_, i) => `${prefix}${i}`));
  const groups = {
    values: new Map(values.map((value, i) => [`p${i}`, value])),
    ready: values.length,
    unready: names("u", more.unready),
    missing: names("m", more.missing),
  };
  const ratioOf = (of: ReadonlyMap<string, number>) => averageOf(of) / 100;
  return countReplicas({ current, groups, tolerances: t, ratioOf, supposed: () => 100 });
}

test("as many pods as it takes for each to use what it should, rounded up", () => {
  expect(count(2, [200, 200])).toBe(4);
  expect(count(3, [50, 50, 50])).toBe(2);
  expect(count(3, [120, 120, 120])).toBe(4);
  expect(count(2, [0, 0])).toBe(0);
});

test("what is near enough changes nothing, in each direction by its own measure", () => {
  expect(count(3, [109, 109, 109])).toBe(3);
  expect(count(3, [91, 91, 91])).toBe(3);
  expect(count(3, [91, 91, 91], {}, { up: 0.1, down: 0.05 })).toBe(3);
  expect(count(30, Array(30).fill(91), {}, { up: 0.1, down: 0.05 })).toBe(28);
  expect(count(3, [109, 109, 109], {}, { up: 0.05, down: 0.1 })).toBe(4);
});

test("pods that are starting are taken to use nothing, which dampens growth", () => {
  expect(count(4, [300, 300], { unready: 2 })).toBe(6);
  expect(count(4, [150, 150], { unready: 2 })).toBe(4);
  expect(count(4, [50, 50], { unready: 2 })).toBe(1);
});

test("pods that were not measured argue for what is there", () => {
  expect(count(4, [200, 200, 200], { missing: 1 })).toBe(6);
  expect(count(4, [10, 10, 10], { missing: 1 })).toBe(2);
  expect(count(4, [120, 120], { missing: 2 })).toBe(4);
  expect(count(4, [80, 80], { missing: 2 })).toBe(4);
});

test("what floating point adds makes no pod", () => {
  expect(rounded(1.1 * 3 - 0.3)).toBe(3);
  expect(rounded(3.01)).toBe(4);
});

test("shares are of the requests of the pods that were measured", () => {
  const requests = new Map([
    ["a", 100],
    ["b", 300],
    ["c", 1000],
  ]);
  const values = new Map([
    ["a", 100],
    ["b", 100],
  ]);
  expect(utilizationOf(values, requests)).toBe(50);
  expect(utilizationOf(values, new Map())).toBe(0);
});
