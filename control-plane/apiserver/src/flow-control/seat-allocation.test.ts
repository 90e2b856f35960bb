import { seededRandom } from "@tsukube/testing";
import { expect, test } from "vitest";
import { allocate, type SeatClaim } from "./seat-allocation.ts";

const rounded = (total: number, claims: readonly SeatClaim[]): readonly number[] =>
  allocate(total, claims).seats.map((seats) => Math.round(seats * 1000) / 1000);

test("claims share in proportion to their targets", () => {
  const open = { least: 0, most: 1000 };
  expect(
    rounded(600, [
      { ...open, target: 100 },
      { ...open, target: 200 },
    ]),
  ).toEqual([200, 400]);
  expect(
    allocate(600, [
      { ...open, target: 100 },
      { ...open, target: 200 },
    ]).fraction,
  ).toBeCloseTo(2);
});

test("nobody gets less than the least or more than the most, and the others share what is left", () => {
  const claims = [
    { least: 100, most: 1000, target: 100 },
    { least: 10, most: 50, target: 100 },
    { least: 10, most: 1000, target: 400 },
  ];
  expect(rounded(450, claims)).toEqual([100, 50, 300]);
});

test("who wants nothing still gets a part where there is plenty", () => {
  const open = { least: 0, most: 1000 };
  expect(
    rounded(600, [
      { ...open, target: 0 },
      { ...open, target: 0 },
    ]),
  ).toEqual([300, 300]);
});

test("all have the most where there are seats for all, and the least where there are none to spare", () => {
  const claims = [
    { least: 10, most: 20, target: 15 },
    { least: 30, most: 40, target: 30 },
  ];
  expect(rounded(100, claims)).toEqual([20, 40]);
  expect(rounded(40, claims)).toEqual([10, 30]);
  expect(rounded(0, [])).toEqual([]);
});

test("whatever the claims, all seats are dealt out within their bounds", () => {
  const random = seededRandom(7);
  for (let run = 0; run < 200; run += 1) {
    const claims = Array.from({ length: 1 + Math.floor(random.float() * 8) }, () => {
      const least = Math.floor(random.float() * 100);
      const most = least + Math.floor(random.float() * 500);
      return { least, most, target: least + random.float() * 300 };
    });
    const [least, most] = [sum(claims.map((claim) => claim.least)), sum(claims.map((claim) => claim.most))];
    const total = Math.floor(least + random.float() * (most - least));
    const { seats } = allocate(total, claims);
    expect(sum(seats)).toBeCloseTo(total, 6);
    claims.forEach((claim, i) => {
      expect(seats[i]).toBeGreaterThanOrEqual(claim.least);
      expect(seats[i]).toBeLessThanOrEqual(claim.most);
    });
  }
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
