import { totalmem } from "node:os";
import { quantityMilliValue, quantityValue } from "@tsukube/api";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
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
    oomScoreAdj: oomScoreOf(pod, container),
  };
}

export function sharesOf(milliCpu: number): number {
  return Math.min(Math.max(Math.floor((milliCpu * 1024) / 1000), MIN_SHARES), MAX_SHARES);
}

function quotaOf(milliCpu: number): number {
  return Math.max(Math.floor((milliCpu * PERIOD_US) / 1000), 1000);
}

/** The larger a container's part of memory it asked for, the later it is killed (upstream's qos policy). */
export function oomScoreOf(pod: Pod, container: Container): number {
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
