import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { afterExit, restartPolicyOf } from "./exit-decision.ts";
import { isSidecar } from "./pod-containers.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-state.ts";

/** What a container's probes have found so far; undefined where they have not said anything. */
interface ProbeResults {
  /** False: the liveness or startup probe failed for good, the container must go. */
  alive(containerId: string): boolean;
  /** True without a startup probe, or once it succeeded. */
  started(containerId: string): boolean;
}

/** Why a running container has to end though the pod goes on. */
export type StopReason = "Unhealthy" | "Changed" | "Resized";

/** A step towards the pod that is wanted. Steps of one plan may run in order; then the pod is looked at again. */
export type Step =
  | { readonly type: "create-sandbox"; readonly attempt: number }
  | { readonly type: "stop-sandbox"; readonly id: string }
  | { readonly type: "stop"; readonly container: RuntimeContainer; readonly why: StopReason }
  /** It was made and never ran: its start failed or was interrupted. */
  | { readonly type: "discard"; readonly container: RuntimeContainer }
  | { readonly type: "start"; readonly container: Container; readonly restartCount: number }
  /** A container ended in a way that its rules answer by starting all of the pod anew. */
  | { readonly type: "restart-all"; readonly because: RuntimeContainer }
  /** Nothing to do before `ms` have passed: a container is backing off. */
  | { readonly type: "wait"; readonly ms: number };

export interface PlanInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly probes: ProbeResults;
  /** ms since the epoch. */
  readonly now: number;
  /** Containers made before it belong to a round that is over (restart-all); ms since the epoch, 0 for the first round. */
  readonly roundSince: number;
  /** The hash that a container started from this spec would carry. */
  hashOf(container: Container): string;
  /** When the container may start again after its last end, ms since the epoch. */
  backoffUntil(container: Container, last: RuntimeContainer): number;
  /** Why the kubelet itself ended a container; undefined when it ended by itself. */
  stopped(containerId: string): StopReason | undefined;
  /** Its resources can only change with a restart. */
  mustRestart(container: Container, running: RuntimeContainer): boolean;
}

/** Pure: the next steps for a pod that is to run. An empty plan: all is as it should be, until something happens. */
export function plan(input: PlanInput): readonly Step[] {
  const { pod, runtime } = input;
  const { sandbox } = runtime;
  if (sandbox === undefined || !sandbox.ready) {
    if (sandbox !== undefined && isOver(input)) return [];
    const attempt = sandbox === undefined ? 0 : sandbox.attempt + 1;
    const stop: Step[] = sandbox === undefined ? [] : [{ type: "stop-sandbox", id: sandbox.id }];
    return [...stop, { type: "create-sandbox", attempt }];
  }
  const anew = restartAll(input);
  if (anew !== undefined) return [anew];
  const initial = initSteps(input);
  if (!initial.done) return initial.steps;
  const { containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const steps = [...initial.steps, ...[...containers, ...ephemeralContainers].flatMap((one) => stepsFor(input, one))];
  return withoutWaiting(steps);
}

/** Waiting for one container holds up no other. */
function withoutWaiting(steps: readonly Step[]): readonly Step[] {
  const acting = steps.filter(({ type }) => type !== "wait");
  if (acting.length > 0) return acting;
  const waits = steps.flatMap((step) => (step.type === "wait" ? [step.ms] : []));
  return waits.length === 0 ? [] : [{ type: "wait", ms: Math.min(...waits) }];
}

function restartAll(input: PlanInput): Step | undefined {
  const { pod } = input;
  for (const container of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
    const last = current(input, container.name);
    if (last?.state !== "exited" || input.stopped(last.id) !== undefined) continue;
    if (afterExit(pod, container, last.exitCode) !== "restart-all") continue;
    const until = input.backoffUntil(container, last);
    return until > input.now ? { type: "wait", ms: until - input.now } : { type: "restart-all", because: last };
  }
  return undefined;
}

/** Init containers run one after the other; sidecars only have to have started. `done`: the pod's own may start. */
function initSteps(input: PlanInput): { readonly done: boolean; readonly steps: readonly Step[] } {
  const { pod, probes } = input;
  const haveAppsRun = (pod.spec?.containers ?? []).some(({ name }) => current(input, name) !== undefined);
  const steps: Step[] = [];
  for (const container of pod.spec?.initContainers ?? []) {
    if (haveAppsRun && !isSidecar(container)) continue; // they went before: the pod's own would not run otherwise
    const last = current(input, container.name);
    const own = stepsFor(input, container);
    if (isSidecar(container)) {
      steps.push(...own);
      const isUp = last?.state === "running" && probes.started(last.id) && own.length === 0;
      if (!haveAppsRun && !isUp) return { done: false, steps: withoutWaiting(steps) };
      continue;
    }
    if (last?.state === "exited" && last.exitCode === 0) continue;
    return { done: false, steps: withoutWaiting([...steps, ...own]) };
  }
  return { done: true, steps };
}

function stepsFor(input: PlanInput, container: Container): readonly Step[] {
  const { pod, runtime, probes } = input;
  const last = current(input, container.name);
  const before = newest(runtime, container.name);
  if (last === undefined) {
    if (before === undefined) return [start(container, 0)];
    const isDone =
      before.state === "exited" && before.exitCode === 0 && restartPolicyOf(pod, container) === "OnFailure";
    return isDone && !isInitOf(pod, container) ? [] : [start(container, before.restartCount + 1)];
  }
  switch (last.state) {
    case "running":
      if (!probes.alive(last.id)) return [{ type: "stop", container: last, why: "Unhealthy" }];
      if (last.hash !== "" && last.hash !== input.hashOf(container))
        return [{ type: "stop", container: last, why: "Changed" }];
      return input.mustRestart(container, last) ? [{ type: "stop", container: last, why: "Resized" }] : [];
    case "created":
      return [{ type: "discard", container: last }];
    default:
      return afterEnd(input, container, last);
  }
}

function afterEnd(input: PlanInput, container: Container, last: RuntimeContainer): readonly Step[] {
  const { pod, now } = input;
  const why = input.stopped(last.id);
  if (why === "Changed" || why === "Resized") return [start(container, last.restartCount + 1)];
  const again =
    why === "Unhealthy"
      ? restartPolicyOf(pod, container) !== "Never"
      : afterExit(pod, container, last.exitCode) === "restart";
  if (!again) return [];
  const until = input.backoffUntil(container, last);
  return [until > now ? { type: "wait", ms: until - now } : start(container, last.restartCount + 1)];
}

function start(container: Container, restartCount: number): Step {
  return { type: "start", container, restartCount };
}

function isInitOf(pod: Pod, container: Container): boolean {
  return (pod.spec?.initContainers ?? []).includes(container);
}

/** No container will ever run again: what still runs is stopped, and the sandbox need not come back. */
export function isOver(input: Pick<PlanInput, "pod" | "runtime" | "stopped" | "roundSince">): boolean {
  const { pod, runtime, stopped, roundSince } = input;
  const isLastEnd = (container: Container): boolean => {
    const last = newest(runtime, container.name);
    if (last?.state !== "exited" || last.createdAt < roundSince) return false;
    const why = stopped(last.id);
    if (why !== undefined) return why === "Unhealthy" && restartPolicyOf(pod, container) === "Never";
    return afterExit(pod, container, last.exitCode) === "stay";
  };
  const hasFailedInit = (pod.spec?.initContainers ?? []).some(
    (container) =>
      !isSidecar(container) && isLastEnd(container) && (newest(runtime, container.name)?.exitCode ?? 0) !== 0,
  );
  return hasFailedInit || (pod.spec?.containers ?? []).every(isLastEnd);
}

/** The last container made under a name. */
export function newest(runtime: RuntimePod, name: string): RuntimeContainer | undefined {
  return runtime.containers.findLast((container) => container.name === name);
}

/** The one before it. */
export function previous(runtime: RuntimePod, name: string): RuntimeContainer | undefined {
  return runtime.containers.filter((container) => container.name === name).at(-2);
}

/** The last container under a name that belongs to the present sandbox and round. */
function current({ runtime, roundSince }: PlanInput, name: string): RuntimeContainer | undefined {
  const last = newest(runtime, name);
  const since = Math.max(runtime.sandbox?.createdAt ?? 0, roundSince);
  return last !== undefined && last.createdAt >= since ? last : undefined;
}
