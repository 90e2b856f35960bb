import type { Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { sparedIn } from "./stale-target.ts";

const NOW = Date.UTC(2025, 0, 1);
const pod = (seconds: number, { reason = "EvictionByEvictionAPI", status = "True", phase = "Running" } = {}): Pod => ({
  status: {
    phase,
    conditions: [
      { type: "DisruptionTarget", status, reason, lastTransitionTime: new Date(NOW + seconds * 1000).toISOString() },
    ],
  },
});

test("a pod that was marked two minutes ago, and is not going, has been spared", () => {
  expect(sparedIn(pod(-30), NOW)).toBe(90_000);
  expect(sparedIn(pod(-130), NOW)).toBe(-10_000);
});

test("who is not marked, is going, has ended or is marked by its kubelet is left alone", () => {
  expect(sparedIn({}, NOW)).toBeUndefined();
  expect(sparedIn(pod(-200, { status: "False" }), NOW)).toBeUndefined();
  expect(sparedIn({ ...pod(-200), metadata: { deletionTimestamp: "2025-01-01T00:00:00Z" } }, NOW)).toBeUndefined();
  expect(sparedIn(pod(-200, { phase: "Failed" }), NOW)).toBeUndefined();
  expect(sparedIn(pod(-200, { reason: "TerminationByKubelet" }), NOW)).toBeUndefined();
});
