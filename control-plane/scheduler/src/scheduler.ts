import { ApiError } from "@tsukube/api";
import type { Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import {
  type Client,
  createEventRecorder,
  type EventRecorder,
  type EventType,
  type InformerFactory,
  type Outcome,
  referenceTo,
  SETTLED,
  startController,
} from "@tsukube/client";
import { type Clock, formatTime, Lifetime, type Logger, type Random } from "@tsukube/foundation";
import type { Snapshot } from "./framework.ts";
import { isTerminal, keyOf, NodeInfo } from "./node-info.ts";
import { defaultPlugins } from "./plugins/index.ts";
import { claimNamesOf, waitsForConsumer } from "./plugins/volumes.ts";
import { schedule } from "./schedule.ts";

export interface SchedulerOptions {
  /** As `system:kube-scheduler`. */
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const NAME = "default-scheduler";
const SELECTED_NODE = "volume.kubernetes.io/selected-node";
/** An unschedulable pod is looked at again after this long, whatever happens. */
const UNSCHEDULABLE_MS = 300_000;
const BINDING_POLL_MS = 250;

const core = (resource: string) => ({ group: "", version: "v1", resource });

/** Places each pod that has no node yet on the best one that fits. */
export async function startScheduler(options: SchedulerOptions): Promise<{ close(): Promise<void> }> {
  const lifetime = new Lifetime();
  const { client, clock, logger } = options;
  const events = lifetime.own("events", createEventRecorder({ client, clock, logger, component: NAME }));
  const scheduler = new Scheduler(options, events);
  const controller = startController({
    name: "scheduler",
    clock,
    logger,
    workers: 1, // each decision must see the one before
    reconcile: (key) => scheduler.place(key),
  });
  lifetime.own("queue", controller);
  await options.informers.synced();
  lifetime.add(
    "handlers",
    scheduler.follow((key) => controller.queue.add(key)),
  );
  return lifetime;
}

class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #events: EventRecorder;
  readonly #pods;
  readonly #nodes;
  readonly #claims;
  readonly #volumes;
  readonly #classes;
  readonly #namespaces;
  /** Decided, but not yet seen as bound: they hold their node's resources already. */
  readonly #assumed = new Map<string, Pod>();
  readonly #unschedulable = new Set<string>();

  constructor(options: SchedulerOptions, events: EventRecorder) {
    const { informers } = options;
    this.#options = options;
    this.#events = events;
    this.#pods = informers.informer<Pod>(core("pods"), { indexes: { node: (pod) => [pod.spec?.nodeName ?? ""] } });
    this.#nodes = informers.informer<Node>(core("nodes"));
    this.#claims = informers.informer<PersistentVolumeClaim>(core("persistentvolumeclaims"));
    this.#volumes = informers.informer<PersistentVolume>(core("persistentvolumes"));
    this.#classes = informers.informer<StorageClass>({
      group: "storage.k8s.io",
      version: "v1",
      resource: "storageclasses",
    });
    this.#namespaces = informers.informer<Namespace>(core("namespaces"));
  }

  /** Calls `add` for pods to place, and for those that did not fit whenever something changes that could help. */
  follow(add: (key: string) => void): () => void {
    const retry = (): void => {
      for (const key of this.#unschedulable) add(key);
    };
    const stops = [
      this.#pods.onChange({
        added: (pod) => add(keyOf(pod)),
        updated: (_before, pod) => {
          add(keyOf(pod));
          if (isTerminal(pod)) retry();
        },
        deleted: (pod) => {
          this.#assumed.delete(keyOf(pod));
          this.#unschedulable.delete(keyOf(pod));
          retry();
        },
      }),
      this.#nodes.onChange({
        added: retry,
        updated: (before, node) => (fitsOtherwise(before, node) ? retry() : undefined),
        deleted: retry,
      }),
      this.#claims.onChange({ added: retry, updated: retry }),
      this.#volumes.onChange({ added: retry, updated: retry }),
      this.#classes.onChange({ added: retry, updated: retry }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async place(key: string): Promise<Outcome> {
    const pod = this.#pods.get(key);
    if (pod === undefined || !this.#isOurs(pod)) {
      this.#assumed.delete(key);
      this.#unschedulable.delete(key);
      return SETTLED;
    }
    if (this.#assumed.has(key)) return SETTLED; // bound already, as far as we are concerned
    const snapshot = this.#snapshot();
    const decision = schedule(pod, snapshot, defaultPlugins, () => this.#options.random.float());
    if (decision.kind === "unschedulable") return this.#refuse(pod, decision.message);
    const waiting = claimNamesOf(pod).flatMap((name) => {
      const claim = snapshot.claim(pod.metadata?.namespace ?? "", name);
      return claim !== undefined && waitsForConsumer(claim, snapshot) ? [claim] : [];
    });
    if (waiting.length > 0) {
      await Promise.all(waiting.map((claim) => this.#select(claim, decision.node)));
      return { recheckAfterMs: BINDING_POLL_MS };
    }
    await this.#bind(pod, decision.node);
    return SETTLED;
  }

  #isOurs(pod: Pod): boolean {
    const { spec, metadata } = pod;
    if ((spec?.nodeName ?? "") !== "" || metadata?.deletionTimestamp !== undefined || isTerminal(pod)) return false;
    return (spec?.schedulerName ?? NAME) === NAME && (spec?.schedulingGates ?? []).length === 0;
  }

  #snapshot(): Snapshot {
    const assumed = [...this.#assumed.values()];
    const nodes = this.#nodes.list().map((node) => {
      const name = node.metadata?.name ?? "";
      const bound = this.#pods.byIndex("node", name).filter((pod) => !isTerminal(pod));
      return new NodeInfo(node, [...bound, ...assumed.filter((pod) => pod.spec?.nodeName === name)]);
    });
    return {
      nodes,
      claim: (namespace, name) => this.#claims.get(`${namespace}/${name}`),
      volume: (name) => this.#volumes.get(name),
      storageClass: (name) => this.#classes.get(name),
      namespaceLabels: (name) => this.#namespaces.get(name)?.metadata?.labels ?? {},
    };
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
    const key = keyOf(pod);
    this.#assumed.set(key, { ...pod, spec: { ...pod.spec!, nodeName: node } });
    try {
      const binding = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name, namespace, uid },
        target: { apiVersion: "v1", kind: "Node", name: node },
      };
      await this.#options.client.resource(core("pods"), namespace).createSubresource(name, "binding", binding);
    } catch (error) {
      this.#assumed.delete(key);
      if (ApiError.is(error, "NotFound") || ApiError.is(error, "Conflict")) return;
      throw error;
    }
    this.#unschedulable.delete(key);
    this.#record(pod, "Normal", "Scheduled", `Successfully assigned ${key} to ${node}`);
  }

  /** Tells the volume controller where the pod will run (WaitForFirstConsumer). */
  async #select(claim: PersistentVolumeClaim, node: string): Promise<void> {
    if (claim.metadata?.annotations?.[SELECTED_NODE] === node) return;
    const { namespace = "", name = "" } = claim.metadata ?? {};
    const body = { metadata: { annotations: { [SELECTED_NODE]: node } } };
    await this.#options.client
      .resource<PersistentVolumeClaim>(core("persistentvolumeclaims"), namespace)
      .patch(name, { type: "merge", body });
  }

  async #refuse(pod: Pod, message: string): Promise<Outcome> {
    const key = keyOf(pod);
    this.#unschedulable.add(key);
    const before = pod.status?.conditions?.find((condition) => condition.type === "PodScheduled");
    if (before?.status === "False" && before.message === message) return { recheckAfterMs: UNSCHEDULABLE_MS };
    const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
    const lastTransitionTime =
      before?.status === "False" ? before.lastTransitionTime : formatTime(this.#options.clock.now());
    const condition = { type: "PodScheduled", status: "False", reason: "Unschedulable", message, lastTransitionTime };
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    await this.#options.client
      .resource<Pod>(core("pods"), namespace)
      .patch(name, { type: "strategic", body }, { subresource: "status" });
    this.#record(pod, "Warning", "FailedScheduling", message);
    return { recheckAfterMs: UNSCHEDULABLE_MS };
  }

  #record(pod: Pod, type: EventType, reason: string, message: string): void {
    this.#events.event(referenceTo(pod, "v1", "Pod"), type, reason, message);
  }
}

/** Changes of a node that can make room: heartbeats do not count. */
function fitsOtherwise(before: Node, now: Node): boolean {
  const relevant = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata?.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return relevant(before) !== relevant(now);
}
