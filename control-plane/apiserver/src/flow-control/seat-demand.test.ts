import { expect, test } from "vitest";
import { SeatDemand } from "./seat-demand.ts";

const PERIOD = 10_000;

test("a period has an average, a deviation and a highest value", () => {
  const demand = new SeatDemand(0, PERIOD);
  demand.set(10, 0);
  demand.set(30, 5000);
  demand.set(20, PERIOD);
  demand.close(PERIOD);
  expect([demand.average, demand.deviation, demand.high, demand.smoothed]).toEqual([20, 10, 30, 30]);
});

test("the next begins with what is wanted then", () => {
  const demand = new SeatDemand(0, PERIOD);
  demand.set(8, 0);
  demand.close(PERIOD);
  demand.set(3, 1.5 * PERIOD);
  demand.close(2 * PERIOD);
  expect([demand.average, demand.high]).toEqual([5.5, 8]);
  demand.close(3 * PERIOD);
  expect([demand.average, demand.high]).toEqual([3, 3]);
});

test("what was wanted once counts half after five minutes, in however many periods", () => {
  const many = new SeatDemand(0, PERIOD);
  const one = new SeatDemand(0, PERIOD);
  for (const demand of [many, one]) {
    demand.set(100, 0);
    demand.set(0, PERIOD);
    demand.close(PERIOD);
  }
  for (let period = 2; period <= 31; period += 1) many.close(period * PERIOD);
  one.close(31 * PERIOD);
  expect(many.smoothed).toBeGreaterThan(48);
  expect(many.smoothed).toBeLessThan(52);
  expect(one.smoothed).toBeCloseTo(many.smoothed, 6);
});
