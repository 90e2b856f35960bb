import { expect, test } from "vitest";
import { addUsage, exceededNames, isSameUsage, maskUsage, subtractUsage, usageFrom, usageText } from "./usage.ts";

const usage = usageFrom;

test("usages add and subtract by name", () => {
  const [a, b] = [usage({ cpu: "500m", pods: "1" }), usage({ cpu: "750m", memory: "1Gi" })];
  expect(usageText(addUsage(a, b))).toEqual({ cpu: "1250m", memory: "1Gi", pods: "1" });
  expect(usageText(subtractUsage(a, b))).toEqual({ cpu: "-250m", memory: "-1Gi", pods: "1" });
});

test("a mask keeps its names only", () => {
  expect(usageText(maskUsage(usage({ cpu: "1", pods: "1" }), ["pods", "secrets"]))).toEqual({ pods: "1" });
});

test("what is equal to the limit does not exceed it, and what has none never does", () => {
  const hard = usage({ cpu: "1", pods: "2" });
  expect(exceededNames(usage({ cpu: "1001m", pods: "2", memory: "9" }), hard)).toEqual(["cpu"]);
});

test("usages are the same however they are written", () => {
  expect(isSameUsage(usage({ cpu: "1000m" }), usage({ cpu: "1" }))).toBe(true);
  expect(isSameUsage(usage({ cpu: "1" }), usage({ cpu: "1", pods: "0" }))).toBe(false);
  expect(isSameUsage(usage({ cpu: "1" }), usage({ pods: "1" }))).toBe(false);
});
