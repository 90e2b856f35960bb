import { isDeepStrictEqual } from "node:util";
import { quantityValue } from "@tsukube/api";
import type { Container, Pod, PodCondition } from "@tsukube/api/types/core-v1";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import type { CgroupLimits } from "@tsukube/kernel";
import type { LinuxContainerResources } from "@tsukube/node-contracts/cri";
import { containerResources } from "../containers/resources.ts";
import { idShown } from "./container-status.ts";
import { newest } from "./plan.ts";
import { containersOf } from "./pod-containers.ts";
import type { PodContext } from "./pod-context.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-state.ts";

export interface ResizeOutcome {
  readonly changed: boolean;
  /** Limits that the pod's cgroup has now; undefined when that is not sure. */
  readonly cgroup: CgroupLimits | undefined;
  /** What is not done yet and why. */
  readonly inProgress?: Pick<PodCondition, "type" | "status" | "reason" | "message">;
}

interface Change {
  readonly running: RuntimeContainer;
  readonly wanted: LinuxContainerResources;
  readonly needsRestart: boolean;
}

const IN_PROGRESS = { type: "PodResizeInProgress", status: "True" } as const;
const UNLIMITED: CgroupLimits = { cpuQuota: -1, memoryBytes: -1 };

/**
 * Gives a pod and its running containers the resources that the node decided on, where that needs no restart.
 * @param cgroup Limits that the pod's cgroup has; undefined when nobody knows.
 */
export async function resizePod(
  context: PodContext,
  pod: Pod,
  runtime: RuntimePod,
  cgroup: CgroupLimits | undefined,
): Promise<ResizeOutcome> {
  const changes = changesOf(context.allocated(pod), runtime);
  const todo = changes.filter(({ needsRestart }) => !needsRestart);
  const mustRestart = todo.length < changes.length;
  const limits = context.cgroupLimits(pod);
  if (changes.length === 0 && isDeepStrictEqual(cgroup, limits)) return { changed: false, cgroup };
  if (mustRestart && todo.length === 0) return { changed: false, cgroup, inProgress: IN_PROGRESS };
  const { cgroups } = context.options;
  const { cgroup: path } = context.placesOf(pod);
  const failed = (error: unknown, left: CgroupLimits | undefined): ResizeOutcome => {
    const inProgress = { ...IN_PROGRESS, reason: "Error", message: messageOf(error) };
    return { changed: false, cgroup: left, inProgress };
  };
  const { memoryBytes: used = 0, memoryLimitBytes = -1 } = (await cgroups.usage(path)) ?? {};
  try {
    await refuseBelowUsage(context, { used, before: memoryLimitBytes, limit: limits.memoryBytes ?? -1 }, todo);
  } catch (error) {
    return failed(error, cgroup);
  }
  try {
    // a child may never have more than its parent: without a limit above the order of the changes does not matter
    if (todo.length > 0) await cgroups.update(path, UNLIMITED);
    for (const { running, wanted } of todo)
      await context.cri.runtime.UpdateContainerResources({ containerId: running.id, linux: wanted });
    if (mustRestart) return { changed: true, cgroup: undefined, inProgress: IN_PROGRESS };
    await cgroups.update(path, limits);
    return { changed: todo.length > 0, cgroup: limits };
  } catch (error) {
    if (todo.length === 0) return failed(error, undefined);
    const before = cgroup ?? { memoryBytes: memoryLimitBytes };
    const isBack = await cgroups.update(path, before).then(
      () => true,
      () => false,
    );
    return failed(error, isBack ? cgroup : undefined);
  }
}

/** Running containers whose cgroups have something else than they may have. */
function changesOf(allocated: Pod, runtime: RuntimePod): readonly Change[] {
  return containersOf(allocated).flatMap((container) => {
    const running = newest(runtime, container.name);
    if (running?.state !== "running") return [];
    const wanted = containerResources(allocated, container);
    const needsRestart = resizeNeedsRestart(allocated, container, running);
    const isThere = !needsRestart && changedResources(wanted, running.resources).length === 0;
    return isThere ? [] : [{ running, wanted, needsRestart }];
  });
}

/** Out of memory a container would be killed at once. @throws while a pod or a container uses more than a lower limit allows. */
async function refuseBelowUsage(
  context: PodContext,
  pod: { readonly used: number; readonly before: number; readonly limit: number },
  todo: readonly Change[],
): Promise<void> {
  const isLower = (limit: number, before: number): boolean => limit > 0 && (before <= 0 || limit < before);
  const below: string[] = [];
  if (isLower(pod.limit, pod.before) && pod.used >= pod.limit)
    below.push(`pod memory limit (${pod.limit}) below current usage (${pod.used})`);
  for (const { running, wanted } of todo) {
    const limit = Number(wanted.memoryLimitInBytes ?? 0);
    if (!isLower(limit, Number(running.resources.memoryLimitInBytes ?? 0))) continue;
    const { stats } = await context.cri.runtime.ContainerStats({ containerId: running.id });
    const uses = Number(stats?.memory?.usageBytes?.value ?? 0);
    if (uses >= limit) below.push(`container "${running.name}" memory limit (${limit}) below current usage (${uses})`);
  }
  if (below.length > 0)
    throw new TsukubeError("conflict", `Cannot lower memory limits: ${below.join(", ")}, expected less to be in use`);
}

/** Pure: whether a resource has to change for which the container asks for a restart. */
export function resizeNeedsRestart(
  pod: Pod,
  container: Container,
  running: Pick<RuntimeContainer, "id" | "resources">,
): boolean {
  const restarting = (container.resizePolicy ?? []).filter(({ restartPolicy }) => restartPolicy === "RestartContainer");
  if (restarting.length === 0) return false;
  const changed = changedResources(containerResources(pod, container), running.resources);
  return restarting.some(
    ({ resourceName }) =>
      changed.includes(resourceName) || (resourceName === "memory" && asksForOtherMemory(pod, container, running)),
  );
}

/** No cgroup tells how much memory a container asked for: what was shown of it last does. */
function asksForOtherMemory(pod: Pod, container: Container, { id }: Pick<RuntimeContainer, "id">): boolean {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const shown = [...containerStatuses, ...initContainerStatuses].find(({ containerID }) => containerID === idShown(id));
  const before = shown?.resources?.requests?.["memory"];
  const now = container.resources?.requests?.["memory"];
  return before !== undefined && now !== undefined && quantityValue(before) !== quantityValue(now);
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
