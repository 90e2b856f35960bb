import { totalmem } from "node:os";
import { podRequests, quantityMilliValue, quantityValue } from "@tsukube/api";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import type { CgroupLimits, Cgroups } from "@tsukube/kernel";
import type { LinuxContainerResources } from "@tsukube/node-contracts/cri";
import { isSidecar, lastingContainers } from "../pods/pod-containers.ts";

const PERIOD_US = 100_000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;

/**
 * cgroup limits of a container (upstream's milliCPUToShares and milliCPUToQuota); of what it has no limit of its own, the pod's.
 * @param hugepageSizes That the machine limits.
 */
export function containerResources(
  pod: Pod,
  container: Container,
  hugepageSizes: readonly string[] = [],
): LinuxContainerResources {
  const requests = container.resources?.requests ?? {};
  const limits = container.resources?.limits ?? {};
  const whole = pod.spec?.resources?.limits ?? {};
  const memoryLimit = limits["memory"] ?? whole["memory"];
  const cpuLimit = limits["cpu"] ?? whole["cpu"];
  const cpuRequest = requests["cpu"] ?? cpuLimit;
  return {
    cpuShares: sharesOf(cpuRequest === undefined ? 0 : quantityMilliValue(cpuRequest)),
    ...(cpuLimit !== undefined && { cpuPeriod: PERIOD_US, cpuQuota: quotaOf(quantityMilliValue(cpuLimit)) }),
    ...(memoryLimit !== undefined && { memoryLimitInBytes: quantityValue(memoryLimit) }),
    ...hugepageLimits(limits, hugepageSizes),
    oomScoreAdj: oomScoreOf(pod, container),
  };
}

/**
 * What version 2 of control groups can beyond version 1: out of memory a container ends as a whole, not one process of it
 * that the others may not miss; and no container swaps (upstream's defaults singleProcessOOMKill and NoSwap).
 * @param pod Path of the pod's group.
 */
export function unifiedLimits(cgroups: Cgroups, pod: string): Readonly<Record<string, string>> {
  if (cgroups.version === 1) return {};
  return { "memory.oom.group": "1", ...(cgroups.limitsSwap(pod) && { "memory.swap.max": "0" }) };
}

/**
 * Huge pages that may be used: none of a size that is not asked for, where the machine limits that size.
 * @param sizes That the machine limits, as control groups name them.
 */
function hugepageLimits(
  limits: Readonly<Record<string, string>>,
  sizes: readonly string[],
): Pick<LinuxContainerResources, "hugepageLimits"> {
  const asked = Object.keys(limits).flatMap((name) => /^hugepages-(\d+[KMG])i$/.exec(name)?.[1] ?? []);
  const all = new Set([...sizes, ...asked.map((size) => `${size}B`)]);
  if (all.size === 0) return {};
  const limit = (pageSize: string): number => quantityValue(limits[resourceOf(pageSize)] ?? "0");
  return { hugepageLimits: [...all].map((pageSize) => ({ pageSize, limit: limit(pageSize) })) };
}

/** "hugepages-2Mi" of "2MB". */
function resourceOf(pageSize: string): string {
  return `hugepages-${pageSize.slice(0, -1)}i`;
}

/**
 * cgroup limits of a pod as a whole: those of its own resources; else what its containers may use together, or an init
 * container before them, with a limit only where each of them has one.
 * @param hugepageSizes That the machine limits; of one that nobody asks for there are none.
 */
export function podLimits(pod: Pod, hugepageSizes: readonly string[] = []): CgroupLimits {
  const own = pod.spec?.resources;
  const lasting = lastingContainers(pod);
  const initial = (pod.spec?.initContainers ?? []).filter((container) => !isSidecar(container));
  const total = (kind: "requests" | "limits", name: string, parse: (text: string) => number): number => {
    const given = own?.[kind]?.[name];
    if (given !== undefined) return parse(given);
    const of = ({ resources }: Container): number => parse(resources?.[kind]?.[name] ?? "0");
    const isOpen = kind === "limits" && !name.startsWith("hugepages-"); // without a limit there is no end to it
    if (isOpen && [...lasting, ...initial].some((container) => of(container) === 0)) return 0;
    const together = lasting.reduce((sum, container) => sum + of(container), 0);
    return Math.max(together, ...initial.map(of));
  };
  const pages = hugepageSizes.map((size) => [size, total("limits", resourceOf(size), quantityValue)] as const);
  const cpu = total("limits", "cpu", quantityMilliValue);
  const memory = total("limits", "memory", quantityValue);
  return {
    cpuShares: sharesOf(total("requests", "cpu", quantityMilliValue)),
    cpuPeriod: PERIOD_US,
    cpuQuota: cpu === 0 ? -1 : quotaOf(cpu),
    memoryBytes: memory === 0 ? -1 : memory,
    ...(pages.length > 0 && { hugepages: Object.fromEntries(pages) }),
  };
}

export function sharesOf(milliCpu: number): number {
  return Math.min(Math.max(Math.floor((milliCpu * 1024) / 1000), MIN_SHARES), MAX_SHARES);
}

export function quotaOf(milliCpu: number): number {
  return Math.max(Math.floor((milliCpu * PERIOD_US) / 1000), 1000);
}

const NODE_CRITICAL = 2_000_001_000;
const LAST_KILLED = -997;

/**
 * The larger a container's part of memory it asked for, the later it is killed (upstream's qos policy). What the pod asks for
 * beyond its containers is theirs in equal parts (KEP-2837); a sidecar is not killed before the container that asks for least (KEP-753).
 */
export function oomScoreOf(pod: Pod, container: Container, memoryBytes = totalmem()): number {
  const { containers = [], initContainers = [], priority = 0, resources } = pod.spec ?? {};
  const { qosClass } = pod.status ?? {};
  if (priority >= NODE_CRITICAL || qosClass === "Guaranteed") return LAST_KILLED;
  if (qosClass === "BestEffort") return 1000;
  const asked = (one: Container): number => quantityValue(one.resources?.requests?.["memory"] ?? "0");
  const whole = quantityValue(resources?.requests?.["memory"] ?? "0");
  const ofContainers = podRequests({ spec: { containers, initContainers } }).get("memory");
  const left = Math.max(0, whole - (ofContainers === undefined ? 0 : Number(ofContainers.nanos / 1_000_000_000n)));
  const extra = Math.floor(left / (containers.length + initContainers.length || 1));
  const scoreOf = (bytes: number): number => 1000 - Math.floor((1000 * (bytes + extra)) / memoryBytes);
  const least = isSidecar(container) ? Math.min(...containers.map(asked)) : 0;
  return Math.min(Math.max(scoreOf(Math.max(asked(container), least)), 1000 + LAST_KILLED), 999);
}
