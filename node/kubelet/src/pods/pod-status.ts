import { podLimits, podRequests, usageText } from "@tsukube/api";
import type { Container, ContainerStatus, Pod, PodCondition, PodStatus } from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import type { CgroupLimits } from "@tsukube/kernel";
import { type ContainerNotes, containerStatusOf } from "./container-status.ts";
import { newest } from "./plan.ts";
import { isInitialized, podConditions } from "./pod-conditions.ts";
import { isSidecar } from "./pod-containers.ts";
import { podIpsOf, type RuntimePod } from "./runtime-state.ts";

export interface StatusInput {
  readonly pod: Pod;
  /** The same with the resources that the node gave it. */
  readonly allocated: Pod;
  /** Limits of its cgroup, wanted or there. */
  readonly limits: CgroupLimits;
  readonly runtime: RuntimePod;
  readonly notes: ContainerNotes;
  /** The node's own; those of host-network pods too. */
  readonly hostIps: readonly string[];
  /** No container runs or ever will: the phase is a last one. */
  readonly isOver: boolean;
  /** Ended by the kubelet: "Evicted", "DeadlineExceeded". The phase is Failed once nothing runs. */
  readonly ended?: { readonly reason: string; readonly message: string };
  /** Conditions besides the everyday ones: DisruptionTarget, PodResizePending. */
  readonly extraConditions: readonly PodCondition[];
  readonly now: number;
}

/** Pure: the pod's status as the API shows it, with the conditions that the kubelet owns. */
export function podStatusOf(input: StatusInput): PodStatus {
  const { pod, allocated, runtime, hostIps, now, ended } = input;
  const inits = (allocated.spec?.initContainers ?? []).map((container) =>
    statusOf(input, container, !isSidecar(container)),
  );
  const initialized = isInitialized(pod, inits);
  const reason = initialized ? "ContainerCreating" : "PodInitializing";
  const containers = (allocated.spec?.containers ?? []).map((container) => statusOf(input, container, false, reason));
  const ephemeral = (allocated.spec?.ephemeralContainers ?? []).map((container) => {
    const { started: _, ...status } = statusOf(input, container, false, reason);
    return { ...status, ready: false }; // nobody waits for one
  });
  const phase = phaseOf(input, containers, initialized);
  const ips = podIpsOf(pod, runtime, hostIps);
  // of a pod that the node did not take nothing ever waited to start: clients show the reason then
  const wasRefused = ended !== undefined && runtime.sandbox === undefined && runtime.containers.length === 0;
  const isLast = phase === "Succeeded" || phase === "Failed";
  const hasSandbox = runtime.sandbox?.ready === true;
  const conditions = podConditions({ pod, phase, hasSandbox, initStatuses: inits, statuses: containers, now });
  return {
    observedGeneration: pod.metadata?.generation ?? 0,
    phase,
    ...(ended !== undefined && { reason: ended.reason, message: ended.message }),
    conditions: [...conditions, ...input.extraConditions],
    hostIP: hostIps[0] ?? "",
    hostIPs: hostIps.map((ip) => ({ ip })),
    ...((hasSandbox || isLast) && ips.length > 0 && { podIP: ips[0] ?? "", podIPs: ips.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? formatTime(now),
    ...(!wasRefused && inits.length > 0 && { initContainerStatuses: inits }),
    ...(!wasRefused && { containerStatuses: containers }),
    ...(!wasRefused && ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
    ...(pod.status?.qosClass !== undefined && { qosClass: pod.status.qosClass }),
    ...resourcesOf(input, phase),
  };
}

/** What the node gave the pod as a whole; of one that runs, limits are those that its cgroup has (KEP-5419). */
function resourcesOf(
  { pod, allocated, limits: { memoryBytes, cpuQuota }, extraConditions }: StatusInput,
  phase: string,
): Pick<PodStatus, "allocatedResources" | "resources"> {
  const { spec = { containers: [] } } = allocated;
  const requests = usageText(podRequests({ spec }));
  const most = usageText(podLimits({ spec }));
  const isLimited = ([name]: readonly [string, string]): boolean =>
    phase !== "Running" ||
    spec.resources?.limits?.[name] !== undefined ||
    (name === "cpu" && cpuQuota !== -1) ||
    (name === "memory" && memoryBytes !== -1);
  const limits = Object.fromEntries(Object.entries(most).filter(isLimited));
  const isUnderWay = extraConditions.some(({ type }) => type === "PodResizeInProgress");
  const given = {
    ...(Object.keys(requests).length > 0 && { requests }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
  return {
    ...(given.requests !== undefined && { allocatedResources: given.requests }),
    resources: isUnderWay ? (pod.status?.resources ?? given) : given,
  };
}

function statusOf(
  { runtime, notes }: StatusInput,
  container: Container,
  isInit: boolean,
  reason: "ContainerCreating" | "PodInitializing" = "PodInitializing",
): ContainerStatus {
  return containerStatusOf({ runtime, notes, container, isInit, reason });
}

function phaseOf(input: StatusInput, containers: readonly ContainerStatus[], initialized: boolean): string {
  const { pod, runtime, isOver, ended } = input;
  const before = pod.status?.phase;
  if (before === "Succeeded" || before === "Failed") return before;
  const runs = runtime.containers.some(({ state }) => state === "running");
  if (ended !== undefined && !runs) return "Failed";
  if (isOver && !runs) return haveSucceeded(input) ? "Succeeded" : "Failed";
  if (!initialized && !containers.some(hasRun)) return "Pending";
  return containers.every(hasRun) ? "Running" : "Pending";
}

function hasRun({ state, lastState }: ContainerStatus): boolean {
  return (state?.running ?? state?.terminated ?? lastState?.terminated) !== undefined;
}

/** Every container ended well; one that never ran did not. */
function haveSucceeded({ pod, runtime }: StatusInput): boolean {
  const endedWell = ({ name }: Container): boolean => {
    const last = newest(runtime, name);
    return last?.state === "exited" && last.exitCode === 0;
  };
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return containers.every(endedWell) && initContainers.every((init) => isSidecar(init) || endedWell(init));
}
