import type { Container, Pod } from "@tsukube/api/types/core-v1";
import type { RuntimeContainer, RuntimePod } from "./runtime-state.ts";

/** What a container's probes have found so far; undefined where they have not said anything. */
export interface ProbeResults {
  /** False: the liveness or startup probe failed for good, the container must go. */
  alive(containerId: string): boolean;
  /** True without a startup probe, or once it succeeded. */
  started(containerId: string): boolean;
}

/** A step towards the pod that is wanted. Steps of one plan may run in order; then the pod is looked at again. */
export type Step =
  | { readonly type: "create-sandbox"; readonly attempt: number }
  | { readonly type: "stop-sandbox"; readonly id: string }
  | { readonly type: "stop"; readonly container: RuntimeContainer; readonly why: string }
  | { readonly type: "start"; readonly container: Container; readonly init: boolean; readonly restartCount: number }
  /** Nothing to do before `ms` have passed: a container is backing off. */
  | { readonly type: "wait"; readonly ms: number };

export interface PlanInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly probes: ProbeResults;
  /** ms since the epoch. */
  readonly now: number;
  /** The hash that a container started from this spec would carry. */
  hashOf(container: Container): string;
  /** When the container may start again after its last end, ms since the epoch. */
  backoffUntil(container: Container, last: RuntimeContainer): number;
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
  const inits = pod.spec?.initContainers ?? [];
  const init = nextInit(input, inits);
  if (init !== undefined) return init;
  const steps: Step[] = [];
  let wait = Number.POSITIVE_INFINITY;
  for (const container of [
    ...(pod.spec?.containers ?? []),
    ...((pod.spec?.ephemeralContainers ?? []) as readonly Container[]),
  ]) {
    const isEphemeral = pod.spec?.ephemeralContainers?.some(({ name }) => name === container.name) === true;
    const step = stepFor(input, container, isEphemeral ? "Never" : restartPolicyOf(pod, container), false);
    if (step?.type === "wait") wait = Math.min(wait, step.ms);
    else if (step !== undefined) steps.push(step);
  }
  if (steps.length === 0 && Number.isFinite(wait)) steps.push({ type: "wait", ms: wait });
  return steps;
}

/** Init containers run one after the other; sidecars (restartPolicy Always) only have to have started. Undefined: all are through. */
function nextInit(input: PlanInput, inits: readonly Container[]): readonly Step[] | undefined {
  const { pod, runtime, probes } = input;
  const appsRan = (pod.spec?.containers ?? []).some(({ name }) =>
    runtime.containers.some(
      (container) => container.name === name && container.createdAt >= (runtime.sandbox?.createdAt ?? 0),
    ),
  );
  for (const container of inits) {
    const last = newest(runtime, container.name ?? "");
    const isSidecar = container.restartPolicy === "Always";
    if (isSidecar) {
      const step = stepFor(input, container, "Always", true);
      if (step !== undefined && (step.type !== "wait" || !appsRan)) return [step];
      if (!appsRan && (last === undefined || last.state !== "running" || !probes.started(last.id))) return [];
      continue;
    }
    if (appsRan) continue; // they went before: the apps would not run otherwise
    if (last?.state === "exited" && last.exitCode === 0) continue;
    const policy = restartPolicyOf(pod, container) === "Never" ? "Never" : "OnFailure";
    const step = stepFor(input, container, policy, true);
    return step === undefined ? [] : [step];
  }
  return undefined;
}

function stepFor(input: PlanInput, container: Container, policy: string, init: boolean): Step | undefined {
  const { runtime, probes, now } = input;
  const last = newest(runtime, container.name ?? "");
  const start = (restartCount: number): Step => ({ type: "start", container, init, restartCount });
  if (last === undefined) return start(0);
  if (last.state === "running") {
    if (!probes.alive(last.id)) return { type: "stop", container: last, why: "Unhealthy" };
    if (last.hash !== "" && last.hash !== input.hashOf(container))
      return { type: "stop", container: last, why: "Changed" };
    return undefined;
  }
  if (last.state === "created") {
    // its start failed or was interrupted; starting goes through a new one
    return { type: "stop", container: last, why: "NotStarted" };
  }
  const isOfOldSandbox = last.createdAt < (runtime.sandbox?.createdAt ?? 0);
  const again =
    policy === "Always" ||
    (policy === "OnFailure" && last.exitCode !== 0) ||
    (isOfOldSandbox && policy !== "Never" && !(policy === "OnFailure" && last.exitCode === 0));
  if (!again) return undefined;
  const until = input.backoffUntil(container, last);
  return until > now ? { type: "wait", ms: until - now } : start(last.restartCount + 1);
}

/** No container will ever run again: the pod's sandbox need not come back. */
export function isOver({ pod, runtime }: Pick<PlanInput, "pod" | "runtime">): boolean {
  const failedInit = (pod.spec?.initContainers ?? []).some((container) => {
    const last = newest(runtime, container.name ?? "");
    return (
      container.restartPolicy !== "Always" &&
      restartPolicyOf(pod, container) === "Never" &&
      last?.state === "exited" &&
      last.exitCode !== 0
    );
  });
  if (failedInit) return true;
  return (pod.spec?.containers ?? []).every((container) => {
    const last = newest(runtime, container.name ?? "");
    if (last?.state !== "exited") return false;
    const policy = restartPolicyOf(pod, container);
    return policy === "Never" || (policy === "OnFailure" && last.exitCode === 0);
  });
}

export function restartPolicyOf(pod: Pod, container: Container): string {
  return container.restartPolicy ?? pod.spec?.restartPolicy ?? "Always";
}

/** The last container made under a name. */
export function newest(runtime: RuntimePod, name: string): RuntimeContainer | undefined {
  return runtime.containers.findLast((container) => container.name === name);
}

/** The one before it. */
export function previous(runtime: RuntimePod, name: string): RuntimeContainer | undefined {
  return runtime.containers.filter((container) => container.name === name).at(-2);
}
