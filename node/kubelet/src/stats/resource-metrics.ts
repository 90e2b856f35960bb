import type { Labels } from "@tsukube/foundation";
import type { Stats, UsageSample } from "./stats-collector.ts";

type Line = readonly [labels: Labels, value: number, at?: number];

/** Pure: /metrics/resource (KEP-1748): counters for whoever computes rates, such as metrics-server. */
export function resourceMetrics(stats: Stats): string {
  const { at, node } = stats;
  const containers = stats.pods.flatMap(({ pod, containers: own }) =>
    own.map(({ container, usage }) => ({ container, usage, labels: { container: container.name, ...podLabels(pod) } })),
  );
  const pods = stats.pods.flatMap(({ pod, usage }) => (usage === undefined ? [] : [{ usage, labels: podLabels(pod) }]));
  const cpu = ({ usage, labels }: { usage: UsageSample; labels: Labels }): Line => [
    labels,
    usage.cpuNanoseconds / 1e9,
    usage.at,
  ];
  const memory = ({ usage, labels }: { usage: UsageSample; labels: Labels }): Line => [
    labels,
    usage.memory?.workingSetBytes ?? 0,
    usage.at,
  ];
  return [
    family(
      "container_cpu_usage_seconds_total",
      "counter",
      "Cumulative cpu time consumed by the container in core-seconds",
      containers.map(cpu),
    ),
    family(
      "container_memory_working_set_bytes",
      "gauge",
      "Current working set of the container in bytes",
      containers.map(memory),
    ),
    family(
      "container_start_time_seconds",
      "gauge",
      "Start time of the container since unix epoch in seconds",
      containers.map(({ container, labels }): Line => [labels, container.startedAt / 1000]),
    ),
    family("node_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed by the node in core-seconds", [
      [{}, node.cpuNanoseconds / 1e9, at],
    ]),
    family("node_memory_working_set_bytes", "gauge", "Current working set of the node in bytes", [
      [{}, node.memory.workingSetBytes, at],
    ]),
    family(
      "pod_cpu_usage_seconds_total",
      "counter",
      "Cumulative cpu time consumed by the pod in core-seconds",
      pods.map(cpu),
    ),
    family("pod_memory_working_set_bytes", "gauge", "Current working set of the pod in bytes", pods.map(memory)),
    family("resource_scrape_error", "gauge", "1 if there was an error while getting container metrics, 0 otherwise", [
      [{}, 0],
    ]),
  ].join("");
}

/** Pure: /metrics/cadvisor, as far as dashboards use it: processor, memory and processes of containers, pods and the node. */
export function cadvisorMetrics(stats: Stats): string {
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
        labels: {
          container: container.name,
          id: `/pod${pod.metadata?.uid}/${container.id}`,
          image: container.image,
          name: container.id,
          ...podLabels(pod),
        },
        usage: own,
        startedAt: container.startedAt,
      })),
    ]),
  ];
  const each = (of: (usage: UsageSample) => number | undefined): readonly Line[] =>
    samples.flatMap(({ labels, usage }) => {
      const value = of(usage);
      return value === undefined ? [] : [[labels, value, usage.at] as const];
    });
  const { cpuMilli, memoryBytes } = stats.capacity;
  return [
    family(
      "container_cpu_usage_seconds_total",
      "counter",
      "Cumulative cpu time consumed in seconds.",
      each(({ cpuNanoseconds }) => cpuNanoseconds / 1e9),
    ),
    family(
      "container_memory_usage_bytes",
      "gauge",
      "Current memory usage in bytes, including all memory regardless of when it was accessed",
      each(({ memory }) => memory?.memoryBytes),
    ),
    family(
      "container_memory_working_set_bytes",
      "gauge",
      "Current working set in bytes.",
      each(({ memory }) => memory?.workingSetBytes),
    ),
    family(
      "container_memory_rss",
      "gauge",
      "Size of RSS in bytes.",
      each(({ memory }) => memory?.rssBytes),
    ),
    family(
      "container_processes",
      "gauge",
      "Number of processes running inside the container.",
      each(({ memory }) => memory?.pids),
    ),
    family(
      "container_spec_memory_limit_bytes",
      "gauge",
      "Memory limit for the container.",
      each(({ memory }) => memory?.memoryLimitBytes ?? 0),
    ),
    family(
      "container_start_time_seconds",
      "gauge",
      "Start time of the container since unix epoch in seconds.",
      samples.map(({ labels, startedAt }): Line => [labels, startedAt / 1000]),
    ),
    family("machine_cpu_cores", "gauge", "Number of logical CPU cores.", [[{}, cpuMilli / 1000]]),
    family("machine_memory_bytes", "gauge", "Amount of memory installed on the machine.", [[{}, memoryBytes]]),
  ].join("");
}

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

function podLabels({ metadata }: Stats["pods"][number]["pod"]): { readonly namespace: string; readonly pod: string } {
  return { namespace: metadata?.namespace ?? "", pod: metadata?.name ?? "" };
}

/** A family of the Prometheus text format 0.0.4; nothing without samples. */
function family(name: string, type: "counter" | "gauge", help: string, lines: readonly Line[]): string {
  if (lines.length === 0) return "";
  const shown = lines.map(
    ([labels, value, at]) => `${name}${labelText(labels)} ${value}${at === undefined ? "" : ` ${at}`}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${shown.join("")}`;
}

function labelText(labels: Labels): string {
  const escaped = (value: string): string =>
    value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  const parts = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
