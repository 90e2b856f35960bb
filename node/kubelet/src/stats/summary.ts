import { formatTime } from "@tsukube/foundation";
import type { CgroupUsage } from "@tsukube/kernel";
import type { FileSystemUsage, MemoryUsage, NodeUsage } from "./node-usage.ts";
import type { ContainerSample, PodSample, Stats, UsageSample } from "./stats-collector.ts";

/** Pure: the Summary API (k8s.io/kubelet/pkg/apis/stats/v1alpha1) of /stats/summary. */
export function summaryOf(stats: Stats, nodeName: string, onlyCpuAndMemory: boolean): object {
  const { node, at } = stats;
  const time = formatTime(at);
  const whole = { at, cpuNanoseconds: node.cpuNanoseconds, nanoCores: stats.nodeNanoCores };
  const more = {
    network: { time, ...networkOf(node) },
    fs: fileSystem(node.fs, time),
    runtime: { imageFs: fileSystem(stats.imageFs, time), containerFs: fileSystem(stats.imageFs, time) },
    rlimit: { time, maxpid: node.pids.max, curproc: node.pids.used },
  };
  return {
    node: {
      nodeName,
      startTime: formatTime(node.startedAt),
      cpu: cpu(whole),
      memory: { ...nodeMemory(node.memory), time },
      ...(onlyCpuAndMemory ? {} : more),
    },
    pods: stats.pods.map((sample) => podOf(sample, onlyCpuAndMemory)),
  };
}

function podOf({ pod, startedAt, containers, usage }: PodSample, onlyCpuAndMemory: boolean): object {
  const { name = "", namespace = "", uid = "" } = pod.metadata ?? {};
  return {
    podRef: { name, namespace, uid },
    startTime: formatTime(startedAt),
    containers: containers.map(containerOf),
    ...(usage !== undefined && {
      cpu: cpu(usage),
      memory: memory(usage),
      ...(onlyCpuAndMemory ? {} : { process_stats: { process_count: usage.memory?.pids ?? 0 } }),
    }),
  };
}

function containerOf({ container, usage }: ContainerSample): object {
  return { name: container.name, startTime: formatTime(container.startedAt), cpu: cpu(usage), memory: memory(usage) };
}

function cpu({ at, cpuNanoseconds, nanoCores }: Omit<UsageSample, "memory">): object {
  return {
    time: formatTime(at),
    ...(nanoCores !== undefined && { usageNanoCores: nanoCores }),
    usageCoreNanoSeconds: cpuNanoseconds,
  };
}

function memory({ at, memory: usage }: UsageSample): object {
  const limit = usage?.memoryLimitBytes;
  return {
    time: formatTime(at),
    ...(limit !== undefined && { availableBytes: Math.max(0, limit - (usage?.workingSetBytes ?? 0)) }),
    ...bytesOf(usage),
  };
}

function bytesOf(usage: CgroupUsage | undefined): object {
  return {
    usageBytes: usage?.memoryBytes ?? 0,
    workingSetBytes: usage?.workingSetBytes ?? 0,
    rssBytes: usage?.rssBytes ?? 0,
    pageFaults: usage?.pageFaults ?? 0,
    majorPageFaults: usage?.majorPageFaults ?? 0,
  };
}

function nodeMemory({ availableBytes, usageBytes, workingSetBytes, rssBytes }: MemoryUsage): object {
  return { availableBytes, usageBytes, workingSetBytes, rssBytes };
}

function fileSystem(usage: FileSystemUsage, time: string): object {
  const { availableBytes, capacityBytes, usedBytes, inodes, inodesFree } = usage;
  return { time, availableBytes, capacityBytes, usedBytes, inodesFree, inodes, inodesUsed: inodes - inodesFree };
}

function networkOf(node: NodeUsage): object {
  const interfaces = node.interfaces.map(({ name, rxBytes, rxErrors, txBytes, txErrors }) => {
    return { name, rxBytes, rxErrors, txBytes, txErrors };
  });
  const main = interfaces.find(({ name }) => /^(eth|en)/.test(name)) ?? interfaces[0];
  return main === undefined ? { interfaces } : { ...main, interfaces };
}
