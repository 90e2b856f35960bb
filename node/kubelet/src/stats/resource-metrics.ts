import type { Labels, Metrics, Sample } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import type { RuntimeContainer } from "../pods/runtime-state.ts";
import type { Stats, StatsDetails, UsageSample } from "./stats-collector.ts";

/** Pure: /metrics/resource (KEP-1748): counters for whoever computes rates, such as metrics-server. */
export function resourceMetrics(stats: Stats): Metrics {
  const { at, node } = stats;
  const containers = stats.pods.flatMap(({ pod, containers: own }) =>
    own.map(({ container, usage }) => ({ container, usage, labels: { container: container.name, ...podLabels(pod) } })),
  );
  const pods = stats.pods.flatMap(({ pod, usage }) => (usage === undefined ? [] : [{ usage, labels: podLabels(pod) }]));
  const cpu = ({ usage, labels }: { usage: UsageSample; labels: Labels }): Sample => [
    labels,
    usage.cpuNanoseconds / 1e9,
    usage.at,
  ];
  const memory = ({ usage, labels }: { usage: UsageSample; labels: Labels }): Sample => [
    labels,
    usage.memory?.workingSetBytes ?? 0,
    usage.at,
  ];
  const metrics = createMetrics();
  const counter = (name: string, help: string, samples: readonly Sample[]) =>
    metrics.collected(name, help, () => samples, "counter");
  const gauge = (name: string, help: string, samples: readonly Sample[]) =>
    metrics.collected(name, help, () => samples);
  const ownStart = ({ container, labels }: { container: RuntimeContainer; labels: Labels }): Sample => [
    labels,
    container.startedAt / 1000,
  ];
  const nodeCpu: Sample = [{}, node.cpuNanoseconds / 1e9, at];
  const nodeMemory: Sample = [{}, node.memory.workingSetBytes, at];
  const cpuHelp = (whose: string): string => `Cumulative cpu time consumed by the ${whose} in core-seconds`;
  const memoryHelp = (whose: string): string => `Current working set of the ${whose} in bytes`;
  counter("container_cpu_usage_seconds_total", cpuHelp("container"), containers.map(cpu));
  gauge("container_memory_working_set_bytes", memoryHelp("container"), containers.map(memory));
  gauge(
    "container_start_time_seconds",
    "Start time of the container since unix epoch in seconds",
    containers.map(ownStart),
  );
  counter("node_cpu_usage_seconds_total", cpuHelp("node"), [nodeCpu]);
  gauge("node_memory_working_set_bytes", memoryHelp("node"), [nodeMemory]);
  counter("pod_cpu_usage_seconds_total", cpuHelp("pod"), pods.map(cpu));
  gauge("pod_memory_working_set_bytes", memoryHelp("pod"), pods.map(memory));
  const trouble = "1 if there was an error while getting container metrics, 0 otherwise";
  gauge("resource_scrape_error", trouble, [[{}, 0]]);
  return metrics;
}

/** Pure: /metrics/cadvisor, as far as dashboards use it: processor, memory and processes of containers, pods and the node. */
export function cadvisorMetrics(stats: Stats, details: StatsDetails): Metrics {
  const samples = [
    {
      labels: { container: "", id: "/", image: "", name: "", namespace: "", pod: "" },
      usage: nodeSample(stats),
      startedAt: stats.node.startedAt,
    },
    ...stats.pods.flatMap(({ pod, containers, usage, startedAt }) => [
      ...(usage === undefined
        ? []
        : [
            {
              labels: { container: "", id: `/pod${pod.metadata?.uid}`, image: "", name: "", ...podLabels(pod) },
              usage,
              startedAt,
            },
          ]),
      ...containers.map(({ container, usage: own }) => ({
        labels: containerLabels(pod, container),
        usage: own,
        startedAt: container.startedAt,
      })),
    ]),
  ];
  const metrics = createMetrics({ hasStability: false });
  for (const { name, help, type = "gauge", of } of OF_CGROUPS) {
    const each = samples.flatMap(({ labels, usage }): readonly Sample[] => {
      const value = of(usage);
      return value === undefined ? [] : [[labels, value, usage.at]];
    });
    metrics.collected(name, help, () => each, type);
  }
  recordNetwork(metrics, stats, details);
  recordThrottling(metrics, stats, details);
  const started = samples.map(({ labels, startedAt }): Sample => [labels, startedAt / 1000]);
  const sinceHelp = "Start time of the container since unix epoch in seconds.";
  metrics.collected("container_start_time_seconds", sinceHelp, () => started);
  const { cpuMilli, memoryBytes } = stats.capacity;
  metrics.gauge("machine_cpu_cores", "Number of logical CPU cores.").set(cpuMilli / 1000);
  metrics.gauge("machine_memory_bytes", "Amount of memory installed on the machine.").set(memoryBytes);
  return metrics;
}

const NETWORK = {
  receive: { bytes: "rxBytes", packets: "rxPackets", packets_dropped: "rxDropped", errors: "rxErrors" },
  transmit: { bytes: "txBytes", packets: "txPackets", packets_dropped: "txDropped", errors: "txErrors" },
} as const;

function recordNetwork(metrics: Metrics, { at, node, pods }: Stats, { interfaces }: StatsDetails): void {
  const whole = {
    labels: { container: "", id: "/", image: "", name: "", namespace: "", pod: "" },
    of: node.interfaces,
  };
  const own = pods.map(({ pod }) => ({
    labels: { container: "", id: `/pod${pod.metadata?.uid}`, image: "", name: "", ...podLabels(pod) },
    of: interfaces.get(pod.metadata?.uid ?? "") ?? [],
  }));
  for (const [direction, fields] of Object.entries(NETWORK)) {
    for (const [what, field] of Object.entries(fields)) {
      const samples = [whole, ...own].flatMap(({ labels, of }) =>
        of.map((one): Sample => [{ ...labels, interface: one.name }, one[field], at]),
      );
      const help = `Cumulative count of ${what.replace("_", " ")} ${direction === "receive" ? "received" : "transmitted"}`;
      metrics.collected(`container_network_${direction}_${what}_total`, help, () => samples, "counter");
    }
  }
}

function recordThrottling(metrics: Metrics, { at, pods }: Stats, { throttling }: StatsDetails): void {
  const felt = pods.flatMap(({ pod, containers }) =>
    containers.flatMap(({ container }) => {
      const own = throttling.get(container.id);
      return own === undefined ? [] : [{ labels: containerLabels(pod, container), own }];
    }),
  );
  const counter = (name: string, help: string, of: (own: (typeof felt)[number]["own"]) => number): void => {
    const samples = felt.map(({ labels, own }): Sample => [labels, of(own), at]);
    metrics.collected(`container_cpu_cfs_${name}_total`, help, () => samples, "counter");
  };
  counter("periods", "Number of elapsed enforcement period intervals.", ({ periods }) => periods);
  counter("throttled_periods", "Number of throttled period intervals.", ({ throttledPeriods }) => throttledPeriods);
  const throttled = "Total time duration the container has been throttled.";
  counter("throttled_seconds", throttled, ({ throttledNanoseconds }) => throttledNanoseconds / 1e9);
}

interface CgroupMetric {
  readonly name: string;
  readonly help: string;
  /** "gauge" by default. */
  readonly type?: "counter";
  of(usage: UsageSample): number | undefined;
}

const OF_CGROUPS: readonly CgroupMetric[] = [
  {
    name: "container_cpu_usage_seconds_total",
    help: "Cumulative cpu time consumed in seconds.",
    type: "counter",
    of: ({ cpuNanoseconds }) => cpuNanoseconds / 1e9,
  },
  {
    name: "container_memory_usage_bytes",
    help: "Current memory usage in bytes, including all memory regardless of when it was accessed",
    of: ({ memory }) => memory?.memoryBytes,
  },
  {
    name: "container_memory_working_set_bytes",
    help: "Current working set in bytes.",
    of: ({ memory }) => memory?.workingSetBytes,
  },
  { name: "container_memory_rss", help: "Size of RSS in bytes.", of: ({ memory }) => memory?.rssBytes },
  {
    name: "container_processes",
    help: "Number of processes running inside the container.",
    of: ({ memory }) => memory?.pids,
  },
  {
    name: "container_spec_memory_limit_bytes",
    help: "Memory limit for the container.",
    of: ({ memory }) => memory?.memoryLimitBytes ?? 0,
  },
];

function nodeSample({ at, node, nodeNanoCores }: Stats): UsageSample {
  const { usageBytes, workingSetBytes, rssBytes } = node.memory;
  return {
    at,
    cpuNanoseconds: node.cpuNanoseconds,
    nanoCores: nodeNanoCores,
    memory: {
      cpuNanoseconds: node.cpuNanoseconds,
      memoryBytes: usageBytes,
      workingSetBytes,
      rssBytes,
      pageFaults: 0,
      majorPageFaults: 0,
      pids: node.pids.used,
    },
  };
}

function containerLabels(pod: Stats["pods"][number]["pod"], { id, image, name }: RuntimeContainer): Labels {
  return { container: name, id: `/pod${pod.metadata?.uid}/${id}`, image, name: id, ...podLabels(pod) };
}

function podLabels({ metadata }: Stats["pods"][number]["pod"]): { readonly namespace: string; readonly pod: string } {
  return { namespace: metadata?.namespace ?? "", pod: metadata?.name ?? "" };
}
