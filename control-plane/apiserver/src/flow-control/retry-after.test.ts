import { expect, test } from "vitest";
import { RetryAfter } from "./retry-after.ts";

/** So many are refused in each second. @returns what they were told, second by second. */
function told(refusals: readonly number[]): readonly number[] {
  const retry = new RetryAfter();
  return refusals.map((count, second) => {
    for (let i = 0; i < count; i += 1) retry.refuse((1000 + second) * 1000 + i);
    return retry.seconds;
  });
}

test("those that are refused come again after a second", () => {
  expect(told([1, 1, 2, 1])).toEqual([1, 1, 1, 1]);
});

test("and after twice the time, up to 32 seconds, as long as many are", () => {
  const many = told(Array.from({ length: 80 }, () => 100));
  expect(many.slice(0, 4)).toEqual([1, 2, 2, 4]);
  expect(Math.max(...many)).toBe(32);
});

test("and sooner again when fewer are", () => {
  const few = told([
    ...Array.from({ length: 8 }, () => 100),
    ...Array.from({ length: 40 }, (_, i) => (i % 9 === 8 ? 1 : 0)),
  ]);
  expect(Math.max(...few)).toBe(8);
  expect(few.at(-1)).toBeLessThan(8);
});
