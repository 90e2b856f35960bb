import { totalmem } from "node:os";
import { quantityMilliValue, quantityValue } from "@tsukube/api";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import type { CgroupLimits, Cgroups } from "@tsukube/kernel";
import type { LinuxContainerResources } from "@tsukube/node-contracts/cri";

const PERIOD_US = 100_000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;

/**
 * cgroup limits of a container (upstream's milliCPUToShares and milliCPUToQuota).
 * @param hugepageSizes That the machine limits.
 */
export function containerResources(
  pod: Pod,
  container: Container,
  hugepageSizes: readonly string[] = [],
): LinuxContainerResources {
  const requests = container.resources?.requests ?? {};
  const limits = container.resources?.limits ?? {};
  const cpuRequest = requests["cpu"] ?? limits["cpu"];
  const memoryLimit = limits["memory"];
  const cpuLimit = limits["cpu"];
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
 * @param lasting Containers that run side by side. @param initial Those that run one after the other before them.
 * @param hugepageSizes That the machine limits; of one that nobody asks for there are none.
 */
export function podLimits(
  pod: Pod,
  lasting: readonly Container[],
  initial: readonly Container[],
  hugepageSizes: readonly string[] = [],
): CgroupLimits {
  const own = pod.spec?.resources;
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

/** The larger a container's part of memory it asked for, the later it is killed (upstream's qos policy). */
function oomScoreOf(pod: Pod, container: Container): number {
  switch (pod.status?.qosClass) {
    case "Guaranteed":
      return 0; // -997 upstream: needs CAP_SYS_RESOURCE; the engine clamps, and 0 is what would be left
    case "BestEffort":
      return 1000;
    default: {
      const request = container.resources?.requests?.["memory"];
      const share = request === undefined ? 0 : (1000 * quantityValue(request)) / totalmem();
      return Math.min(Math.max(Math.floor(1000 - share), 3), 999);
    }
  }
}
