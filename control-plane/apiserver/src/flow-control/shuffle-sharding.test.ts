import { expect, test } from "vitest";
import { handOf } from "./shuffle-sharding.ts";

test("hands are those that upstream deals", () => {
  expect(handOf("service-accounts", "jane", 128, 6)).toEqual([91, 26, 122, 49, 43, 51]);
  expect(handOf("service-accounts", "system:serviceaccount:shop:default", 128, 6)).toEqual([8, 28, 43, 74, 65, 48]);
  expect(handOf("service-accounts", "системный", 64, 6)).toEqual([22, 45, 55, 13, 61, 44]);
  expect(handOf("service-accounts", "", 16, 4)).toEqual([15, 0, 3, 7]);
  expect(handOf("service-accounts", "jane", 6, 6)).toEqual([5, 2, 4, 3, 0, 1]);
  expect(handOf("service-accounts", "jane", 1, 1)).toEqual([0]);
});

test("a hand has no queue twice, and few flows share all of theirs", () => {
  const hands = Array.from({ length: 1000 }, (_, i) => handOf("s", `user-${i}`, 64, 6));
  for (const hand of hands) expect(new Set(hand).size).toBe(6);
  expect(new Set(hands.map((hand) => hand.toSorted().join(" "))).size).toBe(1000);
});
