import { ApiError, jsonEqual } from "@tsukube/api";
import type { Node, Pod } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, referenceTo, SETTLED, startController } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { type ControllerContext, NODES, PODS } from "../context.ts";
import { untilWallClock } from "../job/wall-clock.ts";
import { BY_NODE } from "../pods/by-node.ts";
import { conditionPatch } from "../pods/condition-patch.ts";
import { secondsToStay } from "./plan.ts";

/** Deletes pods that do not tolerate, or no longer tolerate, a NoExecute taint of their node. */
export class TaintEvictionController {
  readonly #context: ControllerContext;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  /** Since when the days of a pod are numbered, in monotonic ms, by its key. */
  readonly #since = new Map<Key, { readonly uid: string; readonly now: number }>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#pods = context.informers.informer<Pod>(PODS, { indexes: BY_NODE });
    this.#nodes = context.informers.informer<Node>(NODES);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "pods",
      startController({ name: "taint-eviction", queueName: "noexec_taint_pod", clock, logger, queues, reconcile }),
    );
    const pod = (object: Pod): void => (object.spec?.nodeName === undefined ? undefined : queue.add(keyOf(object)));
    const updated = (before: Pod, now: Pod): void => {
      const isSame = jsonEqual(before.spec?.tolerations ?? [], now.spec?.tolerations ?? []);
      if (!isSame || before.spec?.nodeName !== now.spec?.nodeName) pod(now);
    };
    lifetime.add("pods", this.#pods.onChange({ added: pod, updated, deleted: pod }));
    const node = ({ metadata }: Node): void => {
      for (const each of this.#pods.byIndex("node", metadata?.name ?? "")) queue.add(keyOf(each));
    };
    const tainted = (before: Node, now: Node): void => {
      if (!jsonEqual(before.spec?.taints ?? [], now.spec?.taints ?? [])) node(now);
    };
    lifetime.add("nodes", this.#nodes.onChange({ added: node, updated: tainted, deleted: node }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const pod = this.#pods.get(key);
    const node = this.#nodes.get(pod?.spec?.nodeName ?? "");
    const isGoing = pod?.metadata?.deletionTimestamp !== undefined;
    const seconds = pod === undefined || node === undefined || isGoing ? undefined : secondsToStay(pod, node);
    if (pod === undefined || seconds === undefined) return this.#spare(key, pod);
    const now = this.#context.clock.monotonic();
    const known = this.#since.get(key);
    const uid = pod.metadata?.uid ?? "";
    const since = known?.uid === uid ? known.now : now;
    const left = since + seconds * 1000 - now;
    if (left <= 0) return this.#evict(key, pod);
    this.#since.set(key, { uid, now: since });
    return { recheckAfterMs: untilWallClock(left) };
  }

  #spare(key: Key, pod: Pod | undefined): Outcome {
    if (this.#since.delete(key) && pod !== undefined && pod.metadata?.deletionTimestamp === undefined)
      this.#tell(pod, `Cancelling deletion of Pod ${key}`);
    return SETTLED;
  }

  async #evict(key: Key, pod: Pod): Promise<Outcome> {
    const { name = "", namespace, uid = "" } = pod.metadata ?? {};
    const pods = this.#context.client.resource<Pod>(PODS, namespace);
    this.#tell(pod, `Marking for deletion Pod ${key}`);
    const condition = {
      type: "DisruptionTarget",
      status: "True",
      reason: "DeletionByTaintManager",
      message: "Taint manager: deleting due to NoExecute taint",
      lastTransitionTime: formatTime(this.#context.clock.now()),
    };
    const body = { metadata: { uid }, status: conditionPatch(pod, condition) };
    try {
      await pods.patch(name, { type: "strategic", body }, { subresource: "status" });
      await pods.delete(name, { preconditions: { uid } });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    this.#since.delete(key);
    return SETTLED;
  }

  #tell(pod: Pod, message: string): void {
    this.#context.events.event(referenceTo(pod, "v1", "Pod"), "Normal", "TaintManagerEviction", message);
  }
}
