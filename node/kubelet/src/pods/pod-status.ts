import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from "@tsukube/api/types/core-v1";
import { formatTime } from "@tsukube/foundation";
import { isOver, newest, previous } from "./plan.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-state.ts";

/** What the kubelet knows of a container besides the runtime. */
export interface ContainerNotes {
  /** Why it waits, while nothing of it runs: "ErrImagePull" and its message. */
  waiting(name: string): { readonly reason: string; readonly message: string } | undefined;
  ready(container: RuntimeContainer): boolean;
  started(container: RuntimeContainer): boolean;
  terminationMessage(container: RuntimeContainer): string;
}

export interface StatusInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly notes: ContainerNotes;
  readonly hostIps: readonly string[];
  /** Addresses of host-network pods. */
  readonly now: number;
}

/** Pure: the pod's status as the API shows it. */
export function podStatusOf(input: StatusInput): PodStatus {
  const { pod, runtime, hostIps, now } = input;
  const inits = (pod.spec?.initContainers ?? []).map((container) => statusOf(input, container, true));
  const initialized = areInitialized(pod, inits);
  const containers = (pod.spec?.containers ?? []).map((container) => statusOf(input, container, false, initialized));
  const ephemeral = (pod.spec?.ephemeralContainers ?? []).map((container) =>
    statusOf(input, container as Container, false),
  );
  const phase = phaseOf(pod, runtime, containers, initialized);
  const ips = pod.spec?.hostNetwork === true ? hostIps : (runtime.sandbox?.ips ?? []);
  const shown = runtime.sandbox?.ready === true || phase === "Succeeded" || phase === "Failed" ? ips : [];
  return {
    observedGeneration: pod.metadata?.generation ?? 0,
    phase,
    conditions: conditionsOf(input, phase, containers, initialized),
    hostIP: hostIps[0] ?? "",
    hostIPs: hostIps.map((ip) => ({ ip })),
    ...(shown.length > 0 && { podIP: shown[0] ?? "", podIPs: shown.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? formatTime(now),
    ...(inits.length > 0 && { initContainerStatuses: inits }),
    containerStatuses: containers,
    ...(ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
    ...(pod.status?.qosClass !== undefined && { qosClass: pod.status.qosClass }),
  };
}

function statusOf(
  { runtime, notes }: StatusInput,
  container: Container,
  init: boolean,
  initialized = true,
): ContainerStatus {
  const name = container.name ?? "";
  const last = newest(runtime, name);
  const before = previous(runtime, name);
  const waiting = notes.waiting(name);
  const reason = waiting ?? { reason: initialized && !init ? "ContainerCreating" : "PodInitializing", message: "" };
  const state =
    last === undefined || (waiting !== undefined && last.state !== "running")
      ? waitingState(reason)
      : stateOf(last, notes);
  const showsLast = last !== undefined && waiting !== undefined && last.state === "exited" ? last : before;
  const isRunning = last?.state === "running";
  const ready =
    init && container.restartPolicy !== "Always"
      ? last?.state === "exited" && last.exitCode === 0
      : isRunning && last !== undefined && notes.ready(last);
  const resources = container.resources;
  return {
    name,
    state,
    lastState: showsLast === undefined ? {} : stateOf(showsLast, notes),
    ready: ready === true,
    restartCount: last?.restartCount ?? 0,
    image: last?.image || (container.image ?? ""),
    imageID: last?.imageId ?? "",
    ...(last !== undefined && { containerID: `tsukube://${last.id}` }),
    started: isRunning && last !== undefined && notes.started(last),
    ...(isRunning && resources?.requests !== undefined && { allocatedResources: resources.requests }),
    ...(isRunning && resources !== undefined && { resources }),
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
          containerID: `tsukube://${container.id}`,
        },
      };
    }
    default:
      return { waiting: { reason: "ContainerCreating" } };
  }
}

function areInitialized(pod: Pod, statuses: readonly ContainerStatus[]): boolean {
  return (pod.spec?.initContainers ?? []).every((container, index) => {
    const status = statuses[index];
    return container.restartPolicy === "Always" ? status?.started === true : status?.ready === true;
  });
}

function phaseOf(pod: Pod, runtime: RuntimePod, containers: readonly ContainerStatus[], initialized: boolean): string {
  const before = pod.status?.phase;
  if (before === "Succeeded" || before === "Failed") return before;
  if (runtime.containers.length > 0 && isOver({ pod, runtime })) {
    const inits = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy !== "Always");
    const initFailed = inits.some((container) => (newest(runtime, container.name ?? "")?.exitCode ?? 0) !== 0);
    const failed = initFailed || containers.some((status) => (status.state?.terminated?.exitCode ?? 0) !== 0);
    return failed ? "Failed" : "Succeeded";
  }
  if (!initialized) return "Pending";
  const hasRun = containers.every(
    (status) =>
      status.state?.running !== undefined ||
      status.state?.terminated !== undefined ||
      status.lastState?.terminated !== undefined,
  );
  return hasRun ? "Running" : "Pending";
}

function conditionsOf(
  { pod, runtime, now }: StatusInput,
  phase: string,
  containers: readonly ContainerStatus[],
  initialized: boolean,
): readonly PodCondition[] {
  const unready = containers.filter((status) => status.ready !== true).map((status) => status.name ?? "");
  const isOverNow = phase === "Succeeded" || phase === "Failed";
  const containersReady = isOverNow ? false : unready.length === 0;
  const why = isOverNow
    ? { reason: "PodCompleted" }
    : containersReady
      ? {}
      : { reason: "ContainersNotReady", message: `containers with unready status: [${unready.join(" ")}]` };
  const gates = (pod.spec?.readinessGates ?? []).filter(
    (gate) =>
      pod.status?.conditions?.some(
        (condition) => condition.type === gate.conditionType && condition.status === "True",
      ) !== true,
  );
  const ready = containersReady && gates.length === 0;
  const whyNotReady =
    containersReady && !ready
      ? {
          reason: "ReadinessGatesNotReady",
          message: `the status of pod readiness gate "${gates[0]?.conditionType}" is not "True"`,
        }
      : why;
  const notInitialized = initialized
    ? {}
    : { reason: "ContainersNotInitialized", message: "containers with incomplete status" };
  const own: PodCondition[] = [
    { type: "PodReadyToStartContainers", status: runtime.sandbox?.ready === true ? "True" : "False" },
    { type: "Initialized", status: initialized || phase === "Succeeded" ? "True" : "False", ...notInitialized },
    { type: "Ready", status: ready ? "True" : "False", ...whyNotReady },
    { type: "ContainersReady", status: containersReady ? "True" : "False", ...why },
  ];
  const names = new Set(own.map((condition) => condition.type));
  const others = (pod.status?.conditions ?? []).filter((condition) => !names.has(condition.type));
  return [...own.map((condition) => stamped(condition, pod, now)), ...others];
}

function stamped(condition: PodCondition, pod: Pod, now: number): PodCondition {
  const old = pod.status?.conditions?.find((candidate) => candidate.type === condition.type);
  const lastTransitionTime =
    old?.status === condition.status ? (old?.lastTransitionTime ?? formatTime(now)) : formatTime(now);
  return {
    observedGeneration: pod.metadata?.generation ?? 0,
    ...condition,
    lastProbeTime: null as unknown as string,
    lastTransitionTime,
  };
}
