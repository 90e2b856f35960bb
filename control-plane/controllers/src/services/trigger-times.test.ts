import type { Pod, Service } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { TriggerTimes, withTriggerTime } from "./trigger-times.ts";

const at = (second: number): string => `2026-01-01T00:00:0${second}Z`;
const service = (made: number): Service => ({ metadata: { name: "s", creationTimestamp: at(made) } });
const pod = (name: string, ready?: number): Pod => ({
  metadata: { name },
  status: { conditions: ready === undefined ? [] : [{ type: "Ready", status: "True", lastTransitionTime: at(ready) }] },
});

test("the first look tells when the Service was made, later ones the first change since", () => {
  const times = new TriggerTimes();
  const look = (made: number, ...pods: Pod[]) => times.look("a/s", service(made), pods);
  expect(look(0, pod("a", 1))).toBe(at(0));
  expect(look(0, pod("a", 1))).toBeUndefined();
  expect(look(0, pod("a", 4), pod("b", 3), pod("c"))).toBe(at(3));
  // what went is no change that has a time, and what comes back is one
  expect(look(0, pod("a", 4))).toBeUndefined();
  expect(look(0, pod("a", 4), pod("b", 3))).toBe(at(3));
  // a Service of the same name
  expect(look(5, pod("a", 6), pod("b", 3))).toBe(at(5));
  expect(look(5, pod("a", 2), pod("b", 3))).toBeUndefined();
  times.forget("a/s");
  expect(look(5)).toBe(at(5));
});

test("a time replaces one from before, and leaves what others wrote", () => {
  const annotations = { other: "x", "endpoints.kubernetes.io/last-change-trigger-time": at(1) };
  expect(withTriggerTime(annotations, undefined)).toEqual({ other: "x" });
  expect(withTriggerTime(annotations, at(2))).toEqual({
    ...annotations,
    "endpoints.kubernetes.io/last-change-trigger-time": at(2),
  });
});
