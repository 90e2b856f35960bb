import { ApiError } from "@tsukube/api";
import type { Lease } from "@tsukube/api/types/coordination-v1";
import type { Node, Pod } from "@tsukube/api/types/core-v1";
import {
  type EventType,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  referenceTo,
  SETTLED,
  startController,
} from "@tsukube/client";
import { type Cancel, detach, formatTime, messageOf, TokenBucket } from "@tsukube/foundation";
import { type ControllerContext, LEASES, NODES, PODS } from "../context.ts";
import { readinessOf } from "../nodes/conditions.ts";
import { changeTaints } from "../nodes/taints.ts";
import { BY_NODE } from "../pods/by-node.ts";
import { allSettled } from "../pods/slow-start.ts";
import { graceLeft, type Health, type Instant, observe, unknownConditions } from "./health.ts";
import { oldLabels } from "./labels.ts";
import { executeTaints, noExecuteTaints, scheduleTaints } from "./taint-plan.ts";
import { planZones, RATE, type Zone, zoneOf } from "./zones.ts";

/** As upstream's --node-monitor-period. */
const PERIOD_MS = 5000;
const LEASE_NAMESPACE = "kube-node-lease";

/**
 * Notices nodes that stopped to give signs of life: marks them and their pods, and taints them so that pods are placed, and
 * after a while moved, elsewhere. When no node gives any, nobody is moved.
 */
export class NodeLifecycleController {
  readonly #context: ControllerContext;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #leases: Informer<Lease>;
  readonly #health = new Map<string, Health>();
  readonly #buckets = new Map<string, TokenBucket>();
  /** Nodes that were told of, by name. */
  readonly #known = new Map<string, Node>();
  #zones: ReadonlyMap<string, Zone> = new Map();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#nodes = context.informers.informer<Node>(NODES);
    this.#pods = context.informers.informer<Pod>(PODS, { indexes: BY_NODE });
    this.#leases = context.informers.informer<Lease>(LEASES, { namespace: LEASE_NAMESPACE });
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "nodes",
      startController({
        name: "node-lifecycle",
        queueName: "node_lifecycle_controller",
        clock,
        logger,
        queues,
        reconcile,
      }),
    );
    const node = (object: Node): void => queue.add(keyOf(object));
    lifetime.add("changes", this.#nodes.onChange({ added: node, updated: (_, now) => node(now) }));
    const bound = ({ spec }: Pod): void => {
      const target = this.#nodes.get(spec?.nodeName ?? "");
      if (target !== undefined && readinessOf(target) === "Unknown") node(target);
    };
    // a pod that is said to be ready again is a sign of its kubelet: not to be argued with
    const updated = (before: Pod, now: Pod): void =>
      before.spec?.nodeName === now.spec?.nodeName ? undefined : bound(now);
    lifetime.add("pods", this.#pods.onChange({ added: bound, updated }));
    this.#rounds();
  }

  /** A round every few seconds, as long as there are nodes. */
  #rounds(): void {
    const { clock, logger, lifetime } = this.#context;
    let running: Promise<void> | undefined;
    let cancel: Cancel | undefined;
    const round = async (): Promise<void> => {
      cancel = undefined;
      try {
        await this.look();
      } finally {
        running = undefined;
        if (this.#known.size > 0 && !lifetime.signal.aborted) wait();
      }
    };
    const begin = (): void => {
      running = round();
      detach(running, logger, "cannot look after nodes");
    };
    const wait = (): void => {
      cancel ??= clock.after(PERIOD_MS, begin, { background: true });
    };
    lifetime.add("round", () => running?.catch(() => {}));
    lifetime.add("period", () => cancel?.());
    const added = (): void => (running === undefined ? wait() : undefined);
    lifetime.add("first node", this.#nodes.onChange({ added }));
  }

  /** Labels and taints that follow from the node alone. Pods of a node that says nothing are not ready. */
  async reconcile(key: Key): Promise<Outcome> {
    const node = this.#nodes.get(key);
    if (node === undefined) return SETTLED;
    const nodes = this.#context.client.resource<Node>(NODES);
    try {
      const labels = oldLabels(node);
      if (labels !== undefined) await nodes.patch(key, { type: "strategic", body: { metadata: { labels } } });
      const change = scheduleTaints(node, this.#time());
      if (change !== undefined) await changeTaints(this.#context.client, key, change);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    if (readinessOf(node) === "Unknown") await this.#markPods(key);
    return SETTLED;
  }

  /** One round over all nodes. What fails is tried again in the next one. */
  async look(): Promise<void> {
    this.#greet();
    const at = this.#instant();
    const nodes = await Promise.all(this.#nodes.list().map((node) => this.#examine(node, at)));
    const { zones, stop, resume } = planZones(this.#zones, nodes);
    this.#zones = zones;
    if (resume) for (const [name, health] of this.#health) this.#health.set(name, { ...health, seenAt: at.monotonic });
    for (const node of nodes) await this.#taint(node, stop, at);
  }

  #instant(): Instant {
    const { clock } = this.#context;
    return { now: clock.now(), monotonic: clock.monotonic() };
  }

  #time(): string {
    return formatTime(this.#context.clock.now());
  }

  /** Tells of nodes that came and went. */
  #greet(): void {
    for (const node of this.#nodes.list()) {
      const name = node.metadata?.name ?? "";
      if (this.#known.has(name)) continue;
      this.#tell(node, "Normal", "RegisteredNode", `Node ${name} event: Registered Node ${name} in Controller`);
      this.#known.set(name, node);
    }
    for (const [name, node] of this.#known) {
      if (this.#nodes.get(name) !== undefined) continue;
      this.#tell(node, "Normal", "RemovingNode", `Node ${name} event: Removing Node ${name} from Controller`);
      this.#known.delete(name);
      this.#health.delete(name);
    }
  }

  #tell(node: Node, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(node, "v1", "Node"), type, reason, message);
  }

  /** @returns the node as it is after it was marked as lost, if it had to be. */
  async #examine(node: Node, at: Instant): Promise<Node> {
    const name = node.metadata?.name ?? "";
    const health = observe(this.#health.get(name), node, this.#leases.get(`${LEASE_NAMESPACE}/${name}`), at);
    this.#health.set(name, health);
    if (graceLeft(health, at) > 0) return node;
    const conditions = unknownConditions(node, at.now);
    if (conditions === undefined) return node;
    const lost = { ...node, apiVersion: "v1", kind: "Node", status: { ...node.status, conditions } };
    try {
      const marked = await this.#context.client.resource<Node>(NODES).updateStatus(lost);
      if (readinessOf(node) === "True")
        this.#tell(node, "Normal", "NodeNotReady", `Node ${name} status is now: NodeNotReady`);
      return marked;
    } catch (error) {
      // it changed meanwhile, which is a sign of life
      this.#context.logger.debug("cannot mark a node as lost", { node: name, error: messageOf(error) });
      return node;
    }
  }

  async #taint(node: Node, stop: boolean, { now, monotonic }: Instant): Promise<void> {
    const name = node.metadata?.name ?? "";
    const zone = zoneOf(node);
    const execute = executeTaints(node, formatTime(now));
    const mayEmpty = (): boolean => {
      const bucket = this.#buckets.get(zone) ?? new TokenBucket(monotonic);
      this.#buckets.set(zone, bucket);
      return bucket.take(this.#zones.get(zone)?.rate ?? RATE, monotonic);
    };
    const isDue = execute !== undefined && (execute.urgent || mayEmpty());
    const change = stop ? noExecuteTaints(node) : isDue ? execute.change : undefined;
    if (change === undefined) return;
    try {
      await changeTaints(this.#context.client, name, change);
    } catch (error) {
      this.#context.logger.debug("cannot taint a node", { node: name, error: messageOf(error) });
    }
  }

  async #markPods(nodeName: string): Promise<void> {
    const isReady = ({ status }: Pod): boolean =>
      status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True") === true;
    await allSettled(
      this.#pods
        .byIndex("node", nodeName)
        .filter(isReady)
        .map((pod) => this.#markPod(pod)),
    );
  }

  /** Services must not send anything there any more. */
  async #markPod(pod: Pod): Promise<void> {
    const { name = "", namespace, uid = "" } = pod.metadata ?? {};
    const condition = { type: "Ready", status: "False", lastTransitionTime: this.#time() };
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      const pods = this.#context.client.resource<Pod>(PODS, namespace);
      await pods.patch(name, { type: "strategic", body }, { subresource: "status" });
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return;
      throw error;
    }
    this.#context.events.event(referenceTo(pod, "v1", "Pod"), "Warning", "NodeNotReady", "Node is not ready");
  }
}
