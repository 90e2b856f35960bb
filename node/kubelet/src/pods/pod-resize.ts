import type { Container, Pod, PodCondition } from "@tsukube/api/types/core-v1";
import { messageOf } from "@tsukube/foundation";
import type { LinuxContainerResources } from "@tsukube/node-contracts/cri";
import { containerResources } from "../containers/resources.ts";
import { newest } from "./plan.ts";
import { lastingContainers } from "./pod-containers.ts";
import type { PodContext } from "./pod-context.ts";
import type { RuntimePod } from "./runtime-state.ts";

export interface ResizeOutcome {
  readonly changed: boolean;
  /** What is not done yet and why. */
  readonly inProgress?: Pick<PodCondition, "type" | "status" | "reason" | "message">;
}

/** Gives running containers the resources that the node decided on, where that needs no restart. */
export async function resizeContainers(context: PodContext, pod: Pod, runtime: RuntimePod): Promise<ResizeOutcome> {
  const todo = lastingContainers(pod).flatMap((spec) => {
    const container = context.allocated(pod, spec);
    const running = newest(runtime, spec.name);
    if (running?.state !== "running") return [];
    const wanted = containerResources(pod, container);
    const isThere = changedResources(wanted, running.resources).length === 0;
    return isThere || resizeNeedsRestart(pod, container, running.resources) ? [] : [{ running, wanted }];
  });
  if (todo.length === 0) return { changed: false };
  const { cgroups } = context.options;
  const { cgroup } = context.placesOf(pod);
  try {
    // a child may never have more than its parent: without a limit above the order of the changes does not matter
    await cgroups.update(cgroup, { cpuQuota: -1, memoryBytes: -1 });
    for (const { running, wanted } of todo) {
      await context.cri.runtime.UpdateContainerResources({ containerId: running.id, linux: wanted });
      context.event(pod, "Normal", "Resized", "Container resized", running.name);
    }
    return { changed: true };
  } catch (error) {
    const message = messageOf(error);
    context.event(pod, "Warning", "ResizeError", message);
    return { changed: false, inProgress: { type: "PodResizeInProgress", status: "True", reason: "Error", message } };
  } finally {
    await cgroups.update(cgroup, context.cgroupLimits(pod)).catch(() => {});
  }
}

/** Pure: whether a resource has to change for which the container asks for a restart. */
export function resizeNeedsRestart(pod: Pod, container: Container, actual: LinuxContainerResources): boolean {
  const restarting = (container.resizePolicy ?? []).filter(({ restartPolicy }) => restartPolicy === "RestartContainer");
  if (restarting.length === 0) return false;
  const changed = changedResources(containerResources(pod, container), actual);
  return restarting.some(({ resourceName }) => changed.includes(resourceName));
}

/** Pure: "cpu", "memory" where the cgroup has something else than is wanted. */
export function changedResources(wanted: LinuxContainerResources, actual: LinuxContainerResources): readonly string[] {
  const differs = (field: "cpuShares" | "cpuQuota" | "memoryLimitInBytes"): boolean =>
    Number(wanted[field] ?? 0) !== Number(actual[field] ?? 0);
  return [
    ...(differs("cpuShares") || differs("cpuQuota") ? ["cpu"] : []),
    ...(differs("memoryLimitInBytes") ? ["memory"] : []),
  ];
}
