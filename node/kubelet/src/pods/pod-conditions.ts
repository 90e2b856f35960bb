import type { Container, ContainerStatus, Pod, PodCondition } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { isSidecar } from "./pod-containers.ts";

export interface ConditionInput {
  readonly pod: Pod;
  readonly phase: string;
  readonly hasSandbox: boolean;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** ms since the epoch. */
  readonly now: number;
}

type Bare = Pick<PodCondition, "type" | "status" | "reason" | "message">;

/** Pure: the conditions that the kubelet owns; others on the pod are not its business. */
export function podConditions(input: ConditionInput): readonly PodCondition[] {
  const containersReady = containersReadyOf(input);
  const own: Bare[] = [
    { type: "PodReadyToStartContainers", status: input.hasSandbox ? "True" : "False" },
    initializedOf(input),
    readyOf(input, containersReady),
    containersReady,
    { type: "PodScheduled", status: "True" }, // no scheduler says so of pods that are made for this node
  ];
  return own.map((condition) => stamped(condition, input.pod, input.now));
}

/** Pure: gives a condition the time since when it is as it is. */
export function stamped(condition: Bare, pod: Pod, now: number): PodCondition {
  const old = pod.status?.conditions?.find(({ type }) => type === condition.type);
  const since = old?.status === condition.status ? old.lastTransitionTime : undefined;
  return {
    observedGeneration: pod.metadata?.generation ?? 0,
    ...condition,
    lastTransitionTime: since ?? formatTime(now),
  };
}

export function isInitialized(pod: Pod, statuses: readonly ContainerStatus[]): boolean {
  return incompleteInits(pod, statuses).length === 0;
}

function incompleteInits(pod: Pod, statuses: readonly ContainerStatus[]): readonly string[] {
  const isDone = (container: Container): boolean => {
    const status = statuses.find(({ name }) => name === container.name);
    return isSidecar(container) ? status?.started === true : status?.ready === true;
  };
  return (pod.spec?.initContainers ?? []).filter((container) => !isDone(container)).map(({ name }) => name);
}

function initializedOf({ pod, phase, initStatuses, statuses }: ConditionInput): Bare {
  const type = "Initialized";
  const incomplete = incompleteInits(pod, initStatuses);
  if (phase === "Succeeded") return { type, status: "True", reason: "PodCompleted" };
  const haveAppsRun = statuses.some(({ state, lastState }) => (state?.running ?? lastState?.terminated) !== undefined);
  if (incomplete.length === 0 || haveAppsRun) return { type, status: "True" };
  const message = `containers with incomplete status: [${incomplete.join(" ")}]`;
  return { type, status: "False", reason: "ContainersNotInitialized", message };
}

function containersReadyOf({ pod, phase, initStatuses, statuses }: ConditionInput): Bare {
  const type = "ContainersReady";
  if (phase === "Succeeded") return { type, status: "False", reason: "PodCompleted" };
  if (phase === "Failed") return { type, status: "False", reason: "PodFailed" };
  const sidecars = new Set((pod.spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const lasting = [...initStatuses.filter(({ name }) => sidecars.has(name)), ...statuses];
  const unready = lasting.filter(({ ready }) => !ready).map(({ name }) => name);
  if (unready.length === 0) return { type, status: "True" };
  const message = `containers with unready status: [${unready.join(" ")}]`;
  return { type, status: "False", reason: "ContainersNotReady", message };
}

function readyOf({ pod }: ConditionInput, containersReady: Bare): Bare {
  const type = "Ready";
  if (containersReady.status !== "True") return { ...containersReady, type };
  const missing = (pod.spec?.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find((condition) => condition.type === conditionType);
    if (found?.status === "True") return [];
    return found === undefined
      ? [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  if (missing.length === 0) return { type, status: "True" };
  return { type, status: "False", reason: "ReadinessGatesNotReady", message: missing.join(", ") };
}
