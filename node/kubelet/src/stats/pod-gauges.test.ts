import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMetrics } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PodWorker } from "../pods/pod-worker.ts";
import { runtimeContainer } from "../pods/runtime-under-test.ts";
import { fileSystemUsage } from "./node-usage.ts";
import { recordPods } from "./pod-gauges.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "volume-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Has {
  readonly states?: readonly ("running" | "exited")[];
  readonly claims?: readonly (readonly [string, string])[];
  readonly annotations?: Record<string, string>;
  readonly isOver?: boolean;
}

const worker = (name: string, { states = [], claims = [], annotations = {}, isOver = false }: Has): PodWorker =>
  ({
    pod: { metadata: { name, namespace: "shop", annotations } },
    runtime: {
      sandbox: { ready: states.includes("running") },
      containers: states.map((state, index) => runtimeContainer(`c${index}`, { state })),
    },
    claims: new Map(claims),
    isOver,
  }) as unknown as PodWorker;

test("pods and containers are told as they are when somebody asks, and how full volumes of claims are", () => {
  const metrics = createMetrics();
  const workers: PodWorker[] = [];
  recordPods({ metrics, nodeName: "vm", cgroupVersion: 2, workers: () => workers });
  const value = (series: string): number =>
    Number(
      metrics
        .expose()
        .split("\n")
        .find((line) => line.startsWith(`kubelet_${series} `))
        ?.split(" ")[1],
    );
  expect([value('node_name{node="vm"}'), value("cgroup_version"), value("running_pods")]).toEqual([1, 2, 0]);
  workers.push(
    worker("one", { states: ["running", "running", "exited"], claims: [["data", folder]] }),
    worker("two", {
      states: ["exited"],
      isOver: true,
      claims: [
        ["data", folder],
        ["gone", join(folder, "gone")],
      ],
    }),
    worker("static", { states: ["running"], annotations: { "kubernetes.io/config.source": "file" } }),
  );
  expect([value("running_pods"), value("mirror_pods")]).toEqual([2, 1]);
  expect([value('desired_pods{static=""}'), value('desired_pods{static="true"}')]).toEqual([2, 1]);
  expect([value('active_pods{static=""}'), value('active_pods{static="true"}')]).toEqual([1, 1]);
  const containers = ["running", "exited"].map((state) => value(`running_containers{container_state="${state}"}`));
  expect(containers).toEqual([3, 2]);
  const of = '{namespace="shop",persistentvolumeclaim="data"}';
  const { capacityBytes, inodes } = fileSystemUsage(folder);
  expect([value(`volume_stats_capacity_bytes${of}`), value(`volume_stats_inodes${of}`)]).toEqual([
    capacityBytes,
    inodes,
  ]);
  expect(value(`volume_stats_available_bytes${of}`)).toBeGreaterThan(0);
  expect(metrics.expose()).not.toContain('persistentvolumeclaim="gone"');
});
