import { quantityMilliValue, quantityValue } from "@tsukube/api";
import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { isSidecar, lastingContainers } from "./pod-containers.ts";

/** What pods may use together. */
export interface NodeRoom {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
}

export type PodRequests = NodeRoom;

/** Pure: what a pod needs at most at a time: its containers side by side, or an init container before them. */
export function requestsOf(pod: Pod): PodRequests {
  const cpu = (container: Container): number => quantityMilliValue(container.resources?.requests?.["cpu"] ?? "0");
  const memory = (container: Container): number => quantityValue(container.resources?.requests?.["memory"] ?? "0");
  const own = pod.spec?.resources?.requests;
  const inits = (pod.spec?.initContainers ?? []).filter((container) => !isSidecar(container));
  const most = (value: (container: Container) => number): number =>
    Math.max(
      lastingContainers(pod).reduce((sum, container) => sum + value(container), 0),
      ...inits.map(value),
    );
  return {
    cpuMilli: own?.["cpu"] === undefined ? most(cpu) : quantityMilliValue(own["cpu"]),
    memoryBytes: own?.["memory"] === undefined ? most(memory) : quantityValue(own["memory"]),
  };
}

const NAMES = [
  ["cpuMilli", "cpu"],
  ["memoryBytes", "memory"],
] as const;

/** What there is too little of, in milli processors or bytes. */
export interface Misfit {
  readonly resource: "cpu" | "memory";
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/** Pure: why a pod that needs `wanted` does not fit beside others; undefined when it does. What never fits comes first. */
export function fitOf(wanted: PodRequests, others: readonly PodRequests[], room: NodeRoom): Misfit | undefined {
  const misfits = NAMES.map(([field, resource]) => {
    const used = others.reduce((sum, other) => sum + other[field], 0);
    return { resource, requested: wanted[field], used, capacity: room[field] };
  });
  return (
    misfits.find(({ requested, capacity }) => requested > capacity) ??
    misfits.find(({ requested, used, capacity }) => requested > 0 && used + requested > capacity)
  );
}
