import type { Pod } from "@tsukube/api/types/core-v1";
import { createMetrics } from "@tsukube/host";
import { expect, test } from "vitest";
import { StartCounts } from "./start-counts.ts";

const pod = (hostUsers?: boolean): Pod =>
  ({ spec: { containers: [], ...(hostUsers === undefined ? {} : { hostUsers }) } }) as Pod;

test("starts of pods are counted, and those that failed: of pods with users of their own also for a container, once each", () => {
  const metrics = createMetrics();
  const counts = new StartCounts(metrics);
  counts.start(pod()).failed("sandbox");
  counts.start(pod(true)).failed("container");
  counts.start(pod(false));
  const start = counts.start(pod(false));
  start.failed("container");
  start.failed("container");
  expect(
    metrics
      .expose()
      .split("\n")
      .filter((line) => line.startsWith("kubelet_started")),
  ).toEqual([
    "kubelet_started_pods_errors_total 1",
    "kubelet_started_pods_total 4",
    "kubelet_started_user_namespaced_pods_errors_total 1",
    "kubelet_started_user_namespaced_pods_total 2",
  ]);
});
