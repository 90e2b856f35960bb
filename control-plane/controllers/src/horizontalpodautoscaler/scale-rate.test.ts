import { expect, test } from "vitest";
import { downLimit, upLimit } from "./scale-rate.ts";

const NOW = 1_000_000;
const ago = (seconds: number, change: number) => ({ change, at: NOW - seconds * 1000 });
const pods = (value: number, periodSeconds = 60) => ({ type: "Pods", value, periodSeconds });
const percent = (value: number, periodSeconds = 60) => ({ type: "Percent", value, periodSeconds });

test("by default a workload may double, or grow by four, and shrink to nothing", () => {
  expect([upLimit(2, [], {}, NOW), upLimit(10, [], {}, NOW)]).toEqual([6, 20]);
  expect(downLimit(10, [], {}, NOW)).toBe(0);
});

test("the largest change that a policy allows counts, or the smallest, or none", () => {
  const policies = [pods(5), percent(100)];
  expect(upLimit(10, [], { policies }, NOW)).toBe(20);
  expect(upLimit(10, [], { policies, selectPolicy: "Min" }, NOW)).toBe(15);
  expect(upLimit(10, [], { policies, selectPolicy: "Disabled" }, NOW)).toBe(10);
  expect(downLimit(10, [], { policies: [pods(2), percent(50)] }, NOW)).toBe(5);
  expect(downLimit(10, [], { policies: [pods(2), percent(50)], selectPolicy: "Min" }, NOW)).toBe(8);
  expect(downLimit(10, [], { selectPolicy: "Disabled" }, NOW)).toBe(10);
});

test("what was changed within the period counts against it", () => {
  const rules = { policies: [pods(5, 60)] };
  expect(upLimit(12, [ago(30, 2)], rules, NOW)).toBe(15);
  expect(upLimit(12, [ago(90, 2)], rules, NOW)).toBe(17);
  expect(upLimit(12, [ago(30, -3)], rules, NOW)).toBe(20);
  expect(downLimit(8, [ago(30, -2)], rules, NOW)).toBe(5);
});

test("a limit that is passed already does not turn the direction", () => {
  expect(upLimit(20, [ago(10, 15)], { policies: [pods(5)] }, NOW)).toBe(20);
  expect(downLimit(2, [ago(10, -15)], { policies: [pods(5)] }, NOW)).toBe(2);
});

test("shares are of what there was when the period began, rounded to allow more", () => {
  expect(upLimit(3, [], { policies: [percent(10)] }, NOW)).toBe(4);
  expect(downLimit(5, [], { policies: [percent(30)] }, NOW)).toBe(3);
});
