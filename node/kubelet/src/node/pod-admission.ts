import type { Pod } from "@tsukube/api/types/core-v1";
import { fitOf, type NodeRoom, requestsOf } from "../pods/node-room.ts";
import type { PodEnd } from "../pods/pod-worker.ts";
import { isCritical } from "./eviction-ranking.ts";
import { hostPortsConflict } from "./host-ports.ts";
import { unmetDemand } from "./pod-demands.ts";
import type { PressureCondition } from "./pressure.ts";

export interface AdmissionInput {
  readonly pod: Pod;
  /** Pods that have not ended, without this one. */
  readonly others: readonly Pod[];
  readonly room: NodeRoom;
  readonly maxPods: number;
  /** Whether the runtime can give a pod users of its own. */
  readonly mapsUsers: boolean;
  has(condition: PressureCondition): boolean;
}

/** Pure: why the node does not take a pod that was given to it; it has failed then. Undefined: it does. */
export function refusalOf(input: AdmissionInput): PodEnd | undefined {
  const { pod, others, room, maxPods } = input;
  const unmet = unmetDemand(pod, input);
  if (unmet !== undefined) return { ...unmet, grace: 0 };
  const pressures = pressuresAgainst(input);
  if (pressures.length > 0)
    return { reason: "Evicted", message: `The node had condition: [${pressures.join(", ")}]. `, grace: 0 };
  const rejected = (resource: string, message: string): PodEnd => ({
    reason: `OutOf${resource}`,
    message: `Pod was rejected: ${message}`,
    grace: 0,
  });
  if (others.length >= maxPods)
    return rejected(
      "pods",
      `Node didn't have enough resource: pods, requested: 1, used: ${others.length}, capacity: ${maxPods}`,
    );
  const wanted = requestsOf(pod);
  const tooMuch = fitOf(
    wanted,
    others.map((other) => requestsOf(other)),
    room,
  );
  if (tooMuch !== undefined) {
    const { resource, requested, used, capacity } = tooMuch;
    return rejected(
      resource,
      `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
    );
  }
  if (!hostPortsConflict(pod, others)) return undefined;
  const message =
    "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
  return { reason: "NodePorts", message, grace: 0 };
}

/** Under memory pressure pods that asked for some memory are still taken; under the others none. */
function pressuresAgainst({ pod, has }: AdmissionInput): readonly PressureCondition[] {
  if (isCritical(pod)) return [];
  const under = (["MemoryPressure", "DiskPressure", "PIDPressure"] as const).filter(has);
  const tolerates = (pod.spec?.tolerations ?? []).some(
    ({ key = "", effect = "" }) =>
      ["", "node.kubernetes.io/memory-pressure"].includes(key) && ["", "NoSchedule"].includes(effect),
  );
  const takesMemory = pod.status?.qosClass !== "BestEffort" || tolerates;
  return under.length === 1 && under[0] === "MemoryPressure" && takesMemory ? [] : under;
}
