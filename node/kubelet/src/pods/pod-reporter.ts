import type { Pod, PodCondition } from "@tsukube/api/types/core-v1";
import { newest } from "./plan.ts";
import { stamped } from "./pod-conditions.ts";
import type { PodContext } from "./pod-context.ts";
import { Terminations } from "./pod-metrics.ts";
import { podStatusOf } from "./pod-status.ts";
import type { PodEnd } from "./pod-worker.ts";
import type { RuntimePod } from "./runtime-state.ts";
import { TerminationMessages } from "./termination-messages.ts";

export interface Report {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  /** Nothing of it runs or will run again. */
  readonly isOver: boolean;
  readonly end: PodEnd | undefined;
  /** How far a resize is. */
  readonly resize: readonly PodCondition[];
  /** Why containers wait. */
  readonly waiting: ReadonlyMap<string, { readonly reason: string; readonly message: string }>;
}

/** Shows the API how a pod is, each time that it is different. */
export class PodReporter {
  readonly #context: PodContext;
  readonly #messages = new TerminationMessages();
  readonly #terminations: Terminations;
  /** By the monotonic clock. */
  readonly #firstSeen: number;
  #reported = "";
  #phase: string | undefined;

  constructor(context: PodContext) {
    this.#context = context;
    this.#terminations = new Terminations(context.metrics);
    this.#firstSeen = context.options.clock.monotonic();
  }

  /** What the API has now: if it is not what was written (another mirror of a static pod, another writer), it is written again. */
  seen(pod: Pod): void {
    if (pod.status?.phase !== this.#phase) this.#reported = "";
  }

  async report({ pod, runtime, isOver, end, resize, waiting }: Report): Promise<void> {
    const { prober, options } = this.#context;
    await this.#messages.read(pod, runtime.containers, this.#context.placesOf(pod));
    const status = podStatusOf({
      pod,
      allocated: this.#context.allocated(pod),
      limits: this.#context.cgroupLimits(pod),
      runtime,
      now: options.clock.now(),
      hostIps: options.addresses,
      isOver,
      ...(end !== undefined && { ended: end }),
      extraConditions: [...resize, ...this.#disruption(pod, end)],
      notes: {
        waiting: (name) => (newest(runtime, name)?.state === "running" ? undefined : waiting.get(name)),
        ready: ({ id }) => prober.ready(id),
        started: ({ id }) => prober.started(id),
        terminationMessage: (container) => this.#messages.of(container),
      },
    });
    this.#terminations.report(status, pod.status);
    const text = JSON.stringify(status);
    if (text === this.#reported) return;
    this.#reported = (await this.#context.writeStatus(pod, status)) ? text : "";
    const before = this.#phase ?? pod.status?.phase ?? "Pending";
    if (before === "Pending" && status.phase === "Running") this.#context.metrics.podStarted(this.#firstSeen);
    this.#phase = status.phase;
  }

  #disruption(pod: Pod, end: PodEnd | undefined): readonly PodCondition[] {
    if (end?.isDisruption !== true) return [];
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "TerminationByKubelet",
      message: end.message,
    };
    return [stamped(condition, pod, this.#context.options.clock.now())];
  }
}
