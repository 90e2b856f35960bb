import { expect, test } from "vitest";
import { secondsFor } from "./plan.ts";

test("the larger the cluster, the longer kubelets keep what they read", () => {
  const seconds = [1, 101, 501, 1001, 2001, 5000].map((nodes) => secondsFor(nodes, 0));
  expect(seconds).toEqual([0, 15, 30, 60, 300, 300]);
});

test("a cluster whose size goes up and down around a bound does not change its mind", () => {
  expect([secondsFor(100, 0), secondsFor(95, 15), secondsFor(89, 15)]).toEqual([0, 15, 0]);
  expect([secondsFor(1900, 60), secondsFor(1900, 300)]).toEqual([60, 300]);
});
