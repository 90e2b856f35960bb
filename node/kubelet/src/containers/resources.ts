import { totalmem } from "node:os";
import { quantityMilliValue, quantityValue } from "@tsukube/api";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import type { CgroupLimits, Cgroups } from "@tsukube/kernel";
import type { LinuxContainerResources } from "@tsukube/node-contracts/cri";

const PERIOD_US = 100_000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;

/** cgroup limits of a container (upstream's milliCPUToShares and milliCPUToQuota). */
export function containerResources(pod: Pod, container: Container): LinuxContainerResources {
  const requests = container.resources?.requests ?? {};
  const limits = container.resources?.limits ?? {};
  const cpuRequest = requests["cpu"] ?? limits["cpu"];
  const memoryLimit = limits["memory"];
  const cpuLimit = limits["cpu"];
  return {
    cpuShares: sharesOf(cpuRequest === undefined ? 0 : quantityMilliValue(cpuRequest)),
    ...(cpuLimit !== undefined && { cpuPeriod: PERIOD_US, cpuQuota: quotaOf(quantityMilliValue(cpuLimit)) }),
    ...(memoryLimit !== undefined && { memoryLimitInBytes: quantityValue(memoryLimit) }),
    ...hugepageLimits(limits),
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

const PAGE_SIZES: Readonly<Record<string, string>> = { "hugepages-2Mi": "2MB", "hugepages-1Gi": "1GB" };

/** Only what is asked for: a host without huge pages has no cgroup for them. */
function hugepageLimits(limits: Readonly<Record<string, string>>): Pick<LinuxContainerResources, "hugepageLimits"> {
  const asked = Object.entries(limits).filter(([name]) => PAGE_SIZES[name] !== undefined);
  if (asked.length === 0) return {};
  return {
    hugepageLimits: asked.map(([name, size]) => ({ pageSize: PAGE_SIZES[name] ?? "", limit: quantityValue(size) })),
  };
}

/**
 * cgroup limits of a pod as a whole: those of its own resources; else what its containers may use together, or an init
 * container before them, with a limit only where each of them has one.
 * @param lasting Containers that run side by side. @param initial Those that run one after the other before them.
 */
export function podLimits(pod: Pod, lasting: readonly Container[], initial: readonly Container[]): CgroupLimits {
  const own = pod.spec?.resources;
  const total = (kind: "requests" | "limits", name: string, parse: (text: string) => number): number => {
    const given = own?.[kind]?.[name];
    if (given !== undefined) return parse(given);
    const of = ({ resources }: Container): number => parse(resources?.[kind]?.[name] ?? "0");
    if (kind === "limits" && [...lasting, ...initial].some((container) => of(container) === 0)) return 0;
    const together = lasting.reduce((sum, container) => sum + of(container), 0);
    return Math.max(together, ...initial.map(of));
  };
  const cpu = total("limits", "cpu", quantityMilliValue);
  const memory = total("limits", "memory", quantityValue);
  return {
    cpuShares: sharesOf(total("requests", "cpu", quantityMilliValue)),
    cpuPeriod: PERIOD_US,
    cpuQuota: cpu === 0 ? -1 : quotaOf(cpu),
    memoryBytes: memory === 0 ? -1 : memory,
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
