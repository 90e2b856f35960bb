import { ApiError } from "@tsukube/api";
import type { Node, Pod } from "@tsukube/api/types/core-v1";
import type { Informer } from "@tsukube/client";
import { detach, formatTime, messageOf } from "@tsukube/foundation";
import { type ControllerContext, NODES, PODS } from "../context.ts";
import { conditionPatch } from "../pods/condition-patch.ts";
import { type Cause, type Collected, missingNodes, plan } from "./plan.ts";

const PERIOD_MS = 20_000;
/** A node that is missing may just be late in the cache, or be registering again. */
const QUARANTINE_MS = 40_000;
const AT_ONCE = 50;

/** Removes pods that no kubelet will remove: of nodes that are gone, never scheduled ones, and old finished ones. */
export class PodGarbageCollector {
  readonly #context: ControllerContext;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  /** Since when each node is missing, in monotonic ms. */
  readonly #missing = new Map<string, number>();
  #isCollecting = false;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#nodes = context.informers.informer<Node>(NODES);
  }

  start(): void {
    const { clock, lifetime, logger } = this.#context;
    let running: Promise<void> = Promise.resolve();
    const tick = (): void => {
      if (this.#isCollecting) return; // the last round goes on
      running = this.collect();
      detach(running, logger, "cannot collect pods");
    };
    lifetime.add("round", () => running.catch(() => {}));
    lifetime.add("period", clock.every(PERIOD_MS, tick, { background: true }));
  }

  /** One round. What fails is tried again in the next one. */
  async collect(): Promise<void> {
    this.#isCollecting = true;
    try {
      const [pods, nodes] = [this.#pods.list(), this.#nodes.list()];
      const collected = plan({ pods, nodes, goneNodes: await this.#goneNodes(pods, nodes) });
      for (let first = 0; first < collected.length; first += AT_ONCE) {
        await Promise.all(collected.slice(first, first + AT_ONCE).map((each) => this.#tryRemove(each)));
      }
    } finally {
      this.#isCollecting = false;
    }
  }

  /** Nodes that are missing for longer than the quarantine, and that the server does not know either. */
  async #goneNodes(pods: readonly Pod[], nodes: readonly Node[]): Promise<ReadonlySet<string>> {
    const now = this.#context.clock.monotonic();
    const missing = missingNodes(pods, nodes);
    for (const name of this.#missing.keys()) if (!missing.has(name)) this.#missing.delete(name);
    const gone = new Set<string>();
    for (const name of missing) {
      const since = this.#missing.get(name) ?? now;
      this.#missing.set(name, since);
      if (now - since >= QUARANTINE_MS && !(await this.#exists(name))) gone.add(name);
    }
    return gone;
  }

  async #exists(name: string): Promise<boolean> {
    try {
      await this.#context.client.resource<Node>(NODES).get(name);
      return true;
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return false;
      throw error;
    }
  }

  async #tryRemove({ pod, cause }: Collected): Promise<void> {
    const { namespace, name = "" } = pod.metadata ?? {};
    try {
      await this.#remove(pod, cause);
      this.#context.logger.info("collected a pod", { namespace, name, cause });
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return;
      this.#context.logger.warn("cannot collect a pod", { namespace, name, cause, error: messageOf(error) });
    }
  }

  async #remove(pod: Pod, cause: Cause): Promise<void> {
    const { name = "", namespace, uid = "" } = pod.metadata ?? {};
    const pods = this.#context.client.resource<Pod>(PODS, namespace);
    const status = failure(pod, cause, this.#context.clock.now());
    if (status !== undefined)
      await pods.patch(name, { type: "strategic", body: { metadata: { uid }, status } }, { subresource: "status" });
    await pods.delete(name, { gracePeriodSeconds: 0, preconditions: { uid } });
  }
}

/** Owners must see that a pod ended: its controller counts it, its Service drops it. */
function failure(pod: Pod, cause: Cause, now: number): object | undefined {
  const { phase } = pod.status ?? {};
  if (phase === "Succeeded" || phase === "Failed") return undefined;
  const failed = { phase: "Failed", observedGeneration: pod.metadata?.generation ?? 0 };
  if (cause !== "no node") return failed;
  const condition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "DeletionByPodGC",
    message: "PodGC: node no longer exists",
    lastTransitionTime: formatTime(now),
  };
  return { ...failed, ...conditionPatch(pod, condition) };
}
