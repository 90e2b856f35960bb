import { canonicalQuantity, quantityMilliValue, quantityValue } from "@tsukube/api";
import type {
  Container,
  ContainerState,
  ContainerStatus,
  ResourceRequirements,
  VolumeMountStatus,
} from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { quotaOf, sharesOf } from "../containers/resources.ts";
import { newest, previous } from "./plan.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-state.ts";

/** What the kubelet knows of a container besides the runtime. */
export interface ContainerNotes {
  /** Why it waits, while nothing of it runs: "ErrImagePull" and its message. */
  waiting(name: string): { readonly reason: string; readonly message: string } | undefined;
  ready(container: RuntimeContainer): boolean;
  started(container: RuntimeContainer): boolean;
  terminationMessage(container: RuntimeContainer): string;
}

export interface ContainerStatusInput {
  readonly runtime: RuntimePod;
  readonly notes: ContainerNotes;
  /** With the resources that the node gave it: they lag behind the spec while a resize is pending. */
  readonly container: Container;
  /** Runs to its end before others start. */
  readonly isInit: boolean;
  /** While nothing of it was made. */
  readonly reason: "ContainerCreating" | "PodInitializing";
}

/** A container's ID in statuses: with its runtime's name. */
export function idShown(id: string): string {
  return `tsukube://${id}`;
}

/** Pure: a container's status as the API shows it. */
export function containerStatusOf(input: ContainerStatusInput): ContainerStatus {
  const { runtime, notes, container, isInit } = input;
  const { name } = container;
  const last = newest(runtime, name);
  const waiting = notes.waiting(name);
  const isWaiting = last === undefined || (waiting !== undefined && last.state !== "running");
  const shownLast = isWaiting && last?.state === "exited" ? last : previous(runtime, name);
  const isRunning = last?.state === "running";
  const ready = isInit ? last?.state === "exited" && last.exitCode === 0 && !isWaiting : isRunning && notes.ready(last);
  return {
    name,
    state: isWaiting ? waitingState(waiting ?? { reason: input.reason, message: "" }) : stateOf(last, notes),
    lastState: shownLast === undefined ? {} : stateOf(shownLast, notes),
    ready,
    restartCount: last?.restartCount ?? 0,
    image: last?.image || (container.image ?? ""),
    imageID: last?.imageId ?? "",
    ...(last !== undefined && { containerID: idShown(last.id) }),
    started: isRunning && notes.started(last),
    ...(last !== undefined && resourcesOf(container.resources ?? {}, last)),
    ...(last?.user !== undefined && { user: last.user }),
    ...((container.volumeMounts ?? []).length > 0 && { volumeMounts: mountsOf(container) }),
  };
}

function waitingState({ reason, message }: { readonly reason: string; readonly message: string }): ContainerState {
  return { waiting: { reason, ...(message !== "" && { message }) } };
}

function stateOf(container: RuntimeContainer, notes: ContainerNotes): ContainerState {
  switch (container.state) {
    case "running":
      return { running: { startedAt: formatTime(container.startedAt) } };
    case "exited": {
      const message = notes.terminationMessage(container) || container.message;
      return {
        terminated: {
          exitCode: container.exitCode,
          reason: container.reason || (container.exitCode === 0 ? "Completed" : "Error"),
          ...(message !== "" && { message }),
          startedAt: formatTime(container.startedAt),
          finishedAt: formatTime(container.finishedAt),
          containerID: idShown(container.id),
        },
      };
    }
    default:
      return { waiting: { reason: "ContainerCreating" } };
  }
}

function mountsOf(container: Container): readonly VolumeMountStatus[] {
  return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly === true && { readOnly, recursiveReadOnly: "Disabled" }),
  }));
}

/** "64Mi" rather than 67108864. */
function bytesQuantity(bytes: number): string {
  return canonicalQuantity(bytes % 1024 === 0 ? `${bytes / 1024}Ki` : `${bytes}`);
}

/** What the node gave and what the cgroup of a running container says; where that is what was given, in the words of the spec. */
function resourcesOf(
  allocated: ResourceRequirements,
  { state, resources }: RuntimeContainer,
): Pick<ContainerStatus, "allocatedResources" | "resources"> {
  const { requests, limits } = allocated;
  const given = requests !== undefined && { allocatedResources: requests };
  if (state !== "running") return { ...given, resources: allocated };
  const shares = Number(resources.cpuShares ?? 0);
  const quota = Number(resources.cpuQuota ?? 0);
  const memory = Number(resources.memoryLimitInBytes ?? 0);
  const actual = (
    text: string | undefined,
    isSo: (text: string) => boolean,
    found: () => string,
  ): string | undefined => (text === undefined ? undefined : isSo(text) ? text : found());
  const cpuRequest = actual(
    requests?.["cpu"],
    (text) => shares === 0 || sharesOf(quantityMilliValue(text)) === shares,
    () => canonicalQuantity(`${Math.ceil((shares * 1000) / 1024)}m`),
  );
  const cpuLimit = actual(
    limits?.["cpu"],
    (text) => quota <= 0 || quotaOf(quantityMilliValue(text)) === quota,
    () => canonicalQuantity(`${Math.ceil((quota * 1000) / (Number(resources.cpuPeriod) || 100_000))}m`),
  );
  const memoryLimit = actual(
    limits?.["memory"],
    (text) => memory === 0 || quantityValue(text) === memory,
    () => bytesQuantity(memory),
  );
  const merged = {
    ...allocated,
    ...(requests !== undefined && { requests: { ...requests, ...(cpuRequest !== undefined && { cpu: cpuRequest }) } }),
    ...(limits !== undefined && {
      limits: {
        ...limits,
        ...(cpuLimit !== undefined && { cpu: cpuLimit }),
        ...(memoryLimit !== undefined && { memory: memoryLimit }),
      },
    }),
  };
  return { ...given, resources: merged };
}
