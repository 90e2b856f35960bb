import { ApiError } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import { type Client, type EventRecorder, referenceTo } from "@tsukube/client";
import { type Clock, formatTime } from "@tsukube/foundation";
import { keyOf } from "../node-info.ts";
import { BY_SCHEDULER, DISRUPTION_TARGET } from "./preemption.ts";
import type { Victims } from "./victims.ts";

const PODS = { group: "", version: "v1", resource: "pods" };

/** Makes room for a pod. */
export class Preemptor {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #events: EventRecorder;

  constructor(client: Client, clock: Clock, events: EventRecorder) {
    this.#client = client;
    this.#clock = clock;
    this.#events = events;
  }

  /** Has the victims end in their own time, each marked with why. */
  async preempt(pod: Pod, { node, pods }: Victims): Promise<void> {
    await Promise.all(pods.map((victim) => this.#end(victim, pod, node)));
  }

  async #end(victim: Pod, pod: Pod, node: string): Promise<void> {
    const { namespace = "", name = "", uid = "" } = victim.metadata ?? {};
    if (victim.metadata?.deletionTimestamp === undefined) {
      const pods = this.#client.resource<Pod>(PODS, namespace);
      const condition = {
        type: DISRUPTION_TARGET,
        status: "True",
        reason: BY_SCHEDULER,
        message: `${pod.spec?.schedulerName}: preempting to accommodate a higher priority pod`,
        lastTransitionTime: formatTime(this.#clock.now()),
        observedGeneration: victim.metadata?.generation,
      };
      const types = new Set([...(victim.status?.conditions ?? []).map(({ type }) => type), DISRUPTION_TARGET]);
      const order = [...types].map((type) => ({ type }));
      const status = { "$setElementOrder/conditions": order, conditions: [condition] };
      const body = { metadata: { uid }, status };
      try {
        await pods.patch(name, { type: "strategic", body }, { subresource: "status" });
        await pods.delete(name, { preconditions: { uid } });
      } catch (error) {
        if (!isGone(error)) throw error;
        return;
      }
    }
    const message = `Preempted by pod ${pod.metadata?.uid} on node ${node}`;
    this.#events.event(referenceTo(victim, "v1", "Pod"), "Normal", "Preempted", message);
  }

  /** Takes back what was promised to pods of lower priority: they may find a place elsewhere. */
  async withdraw(pods: readonly Pod[]): Promise<void> {
    for (const pod of pods) {
      const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
      const body = { metadata: { uid }, status: { nominatedNodeName: null } };
      await this.#client
        .resource<Pod>(PODS, namespace)
        .patch(name, { type: "merge", body }, { subresource: "status" })
        .catch((error: unknown) => {
          if (!isGone(error)) throw new Error(`Cannot take back the place of pod "${keyOf(pod)}"`, { cause: error });
        });
    }
  }
}

/** The pod is no more, or it is another one of that name. */
function isGone(error: unknown): boolean {
  return ApiError.is(error, "NotFound") || ApiError.is(error, "Conflict");
}
