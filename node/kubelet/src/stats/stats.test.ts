import type { CgroupUsage } from "@tsukube/kernel";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import type { Cri } from "../cri/runtime.ts";
import type { PodWorker } from "../pods/pod-worker.ts";
import { runtimeContainer } from "../pods/runtime-under-test.ts";
import { cpuOf, interfacesOf, memoryOf } from "./node-usage.ts";
import { cadvisorMetrics, resourceMetrics } from "./resource-metrics.ts";
import { StatsCollector } from "./stats-collector.ts";
import { summaryOf } from "./summary.ts";

const usage = (cpuNanoseconds: number): CgroupUsage => ({
  cpuNanoseconds,
  memoryBytes: 3000,
  workingSetBytes: 2000,
  rssBytes: 1000,
  pageFaults: 5,
  majorPageFaults: 1,
  memoryLimitBytes: 10_000,
  pids: 2,
});

/** One pod with one container, whose cgroup says that it used `spent` nanoseconds. */
function collector(clock: VirtualClock, spent: () => number): StatsCollector {
  const pod = { metadata: { name: "p", namespace: "shop", uid: "u" }, status: { startTime: "2025-01-01T00:00:00Z" } };
  const sandbox = { id: "s", ready: true, ips: [], createdAt: 1, attempt: 0 };
  const runtime = { sandbox, containers: [runtimeContainer("app", { id: "c", image: "img" })] };
  return new StatsCollector({
    cri: { images: { ImageFsInfo: async () => ({}) } } as unknown as Cri,
    clock,
    cgroups: { usage: async () => usage(spent()) } as never,
    rootDirectory: "/",
    capacity: { cpuMilli: 2000, memoryBytes: 1 << 30 },
    workers: () => [{ pod, uid: "u", runtime } as unknown as PodWorker],
    cgroupOf: () => "/kubepods/podu",
  });
}

test("a rate is that since an earlier look, at least some seconds ago", async () => {
  const clock = new VirtualClock(0);
  let spent = 1e9;
  const stats = collector(clock, () => spent);
  const rate = async () => (await stats.collect()).pods[0]?.containers[0]?.usage.nanoCores;
  expect(await rate()).toBeUndefined();
  await clock.advance(10_000);
  spent = 3e9;
  expect(await rate()).toBe(2e8);
  await clock.advance(10);
  expect(await rate()).toBeGreaterThan(1.9e8);
});

test("the summary tells what the node, its pods and their containers use", async () => {
  const stats = await collector(new VirtualClock(), () => 1e9).collect();
  const summary = summaryOf(stats, "vm", false) as { node: object; pods: object[] };
  expect(summary.node).toMatchObject({ nodeName: "vm", fs: { capacityBytes: expect.any(Number) } });
  const time = "2025-01-01T00:00:00Z";
  const memory = { time, availableBytes: 8000, usageBytes: 3000, workingSetBytes: 2000, rssBytes: 1000 };
  expect(summary.pods).toMatchObject([
    {
      podRef: { name: "p", namespace: "shop", uid: "u" },
      startTime: time,
      containers: [{ name: "app", cpu: { time, usageCoreNanoSeconds: 1e9 }, memory }],
      memory,
      process_stats: { process_count: 2 },
    },
  ]);
  const less = summaryOf(stats, "vm", true) as { node: object; pods: object[] };
  expect([Object.keys(less.node), Object.keys(less.pods[0] ?? {})]).toEqual([
    ["nodeName", "startTime", "cpu", "memory"],
    ["podRef", "startTime", "containers", "cpu", "memory"],
  ]);
});

test("metrics are in the form that scrapers read, with the time of each sample", async () => {
  const stats = await collector(new VirtualClock(5000), () => 1.5e9).collect();
  const resource = resourceMetrics(stats).expose();
  expect(resource).toContain(
    '# TYPE container_cpu_usage_seconds_total counter\ncontainer_cpu_usage_seconds_total{container="app",namespace="shop",pod="p"} 1.5 5000\n',
  );
  expect(resource).toContain('pod_memory_working_set_bytes{namespace="shop",pod="p"} 2000 5000\n');
  expect(resource).toContain("resource_scrape_error 0\n");
  const eth0 = { name: "eth0", rxBytes: 7, rxPackets: 1, rxErrors: 2, rxDropped: 3 };
  const interfaces = [{ ...eth0, txBytes: 8, txPackets: 4, txErrors: 5, txDropped: 6 }];
  const throttling = { periods: 10, throttledPeriods: 4, throttledNanoseconds: 5e8 };
  const details = { interfaces: new Map([["u", interfaces]]), throttling: new Map([["c", throttling]]) };
  const cadvisor = cadvisorMetrics(stats, details).expose();
  const network = '{container="",id="/podu",image="",name="",namespace="shop",pod="p",interface="eth0"}';
  expect(cadvisor).toContain(`container_network_receive_bytes_total${network} 7 5000\n`);
  expect(cadvisor).toContain(`container_network_transmit_packets_dropped_total${network} 6 5000\n`);
  expect(cadvisor).toMatch(/^container_cpu_cfs_throttled_periods_total\{container="app",.*\} 4 5000$/m);
  expect(cadvisor).toMatch(/^container_cpu_cfs_throttled_seconds_total\{container="app",.*\} 0.5 5000$/m);
  expect(cadvisor).toContain(
    'container_memory_rss{container="app",id="/podu/c",image="img",name="c",namespace="shop",pod="p"} 1000 5000\n',
  );
  expect(cadvisor).toContain("machine_cpu_cores 2\n");
});

test("the kernel's tables are read", () => {
  expect(cpuOf("cpu  100 1 50 9999 30 2 3 4 0 0\ncpu0 1 2 3")).toBe(1.6e9);
  const meminfo = "MemTotal:  1000 kB\nMemFree:  400 kB\nInactive(file):  200 kB\nAnonPages:  50 kB\n";
  expect(memoryOf(meminfo)).toEqual({
    usageBytes: 600 * 1024,
    workingSetBytes: 400 * 1024,
    availableBytes: 600 * 1024,
    rssBytes: 50 * 1024,
  });
  const dev =
    "Inter-| Receive\n face |bytes\n    lo: 1 0 0 0 0 0 0 0 1 0 0 0\n  eth0: 10 1 2 0 0 0 0 0 20 1 3 0 0 0 0 0\n";
  expect(interfacesOf(dev)).toEqual([
    {
      name: "eth0",
      ...{ rxBytes: 10, rxPackets: 1, rxErrors: 2, rxDropped: 0 },
      ...{ txBytes: 20, txPackets: 1, txErrors: 3, txDropped: 0 },
    },
  ]);
});
