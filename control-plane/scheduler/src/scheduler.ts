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
import { NodeCache } from "./node-cache.ts";
import { isTerminal, keyOf } from "./node-info.ts";
import { defaultPlugins } from "./plugins/index.ts";
import { type VolumeNeeds, volumeNeeds } from "./plugins/volumes.ts";
import { schedule } from "./schedule.ts";
import { isStale, VolumeBinder } from "./volume-binder.ts";

export interface SchedulerOptions {
  /** As `system:kube-scheduler`. */
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const NAME = "default-scheduler";
/** An unschedulable pod is looked at again after this long, whatever happens. */
const UNSCHEDULABLE_MS = 300_000;
/** Decisions are made one by one, each in one go and sure of the one before; as many bindings may be under way meanwhile. */
const BINDERS = 16;
const VOLUMES_OVERDUE = 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded';

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
    workers: BINDERS,
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
  readonly #cache = new NodeCache();
  /** Decided, but not yet seen as bound: they hold their node's resources already. */
  readonly #assumed = new Map<string, Pod>();
  readonly #unschedulable = new Set<string>();
  readonly #volumeBinder: VolumeBinder;

  constructor(options: SchedulerOptions, events: EventRecorder) {
    const { informers } = options;
    this.#options = options;
    this.#events = events;
    this.#pods = informers.informer<Pod>(core("pods"));
    this.#nodes = informers.informer<Node>(core("nodes"));
    this.#claims = informers.informer<PersistentVolumeClaim>(core("persistentvolumeclaims"));
    this.#volumes = informers.informer<PersistentVolume>(core("persistentvolumes"));
    this.#classes = informers.informer<StorageClass>({
      group: "storage.k8s.io",
      version: "v1",
      resource: "storageclasses",
    });
    this.#namespaces = informers.informer<Namespace>(core("namespaces"));
    this.#volumeBinder = new VolumeBinder(options.client, options.clock);
  }

  /** Calls `add` for pods to place, and for those that did not fit whenever something changes that could help. */
  follow(add: (key: string) => void): () => void {
    const retry = (): void => {
      for (const key of this.#unschedulable) add(key);
      for (const key of this.#volumeBinder.waiting) add(key);
    };
    const stops = [
      this.#pods.onChange({
        added: (pod) => {
          this.#see(pod);
          add(keyOf(pod));
        },
        updated: (_before, pod) => {
          this.#see(pod);
          add(keyOf(pod));
          if (isTerminal(pod)) retry();
        },
        deleted: (pod) => {
          this.#cache.removePod(pod);
          this.#forget(keyOf(pod));
          retry();
        },
      }),
      this.#nodes.onChange({
        added: (node) => {
          this.#cache.setNode(node);
          retry();
        },
        updated: (before, node) => {
          this.#cache.setNode(node);
          if (fitsOtherwise(before, node)) retry();
        },
        deleted: (node) => {
          this.#cache.removeNode(node);
          retry();
        },
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
      this.#forget(key);
      return SETTLED;
    }
    if (this.#assumed.has(key)) {
      if (!this.#volumeBinder.isWaiting(key)) return SETTLED; // bound already, as far as we are concerned
      const outcome = await this.#followVolumes(pod);
      if (outcome !== undefined) return outcome;
    }
    const snapshot = this.#snapshot();
    const decision = schedule(pod, snapshot, defaultPlugins, () => this.#options.random.float());
    if (decision.kind === "unschedulable") return this.#refuse(pod, decision.message);
    const node = this.#cache.node(decision.node)!;
    const needs = volumeNeeds(pod, node, snapshot) ?? { bind: [], provision: [] };
    if (needs.bind.length + needs.provision.length > 0) return this.#beginVolumes(pod, node.name, needs);
    await this.#bind(pod, decision.node);
    return SETTLED;
  }

  /** Meanwhile the pod has its place on the node already. */
  async #beginVolumes(pod: Pod, node: string, needs: VolumeNeeds): Promise<Outcome> {
    this.#assume(pod, node);
    try {
      return { recheckAfterMs: await this.#volumeBinder.begin(pod, node, needs) };
    } catch (error) {
      this.#unassume(keyOf(pod));
      throw error;
    }
  }

  /** @returns undefined when the pod needs another decision. */
  async #followVolumes(pod: Pod): Promise<Outcome | undefined> {
    const key = keyOf(pod);
    const node = this.#assumed.get(key)?.spec?.nodeName ?? "";
    const progress = this.#volumeBinder.progress(pod, this.#snapshot());
    if (progress === "waiting") return { recheckAfterMs: UNSCHEDULABLE_MS };
    this.#forget(key);
    if (progress === "failed") return undefined;
    if (progress === "overdue") return this.#refuse(pod, VOLUMES_OVERDUE);
    await this.#bind(pod, node);
    return SETTLED;
  }

  /** An assumed pod stays where it is until it is seen on a node. */
  #see(pod: Pod): void {
    const isAssumed = this.#assumed.get(keyOf(pod))?.metadata?.uid === pod.metadata?.uid;
    if (!isAssumed || (pod.spec?.nodeName ?? "") !== "" || isTerminal(pod)) this.#cache.setPod(pod);
  }

  #assume(pod: Pod, nodeName: string): void {
    const assumed = { ...pod, spec: { ...pod.spec!, nodeName } };
    this.#assumed.set(keyOf(pod), assumed);
    this.#cache.setPod(assumed);
  }

  #unassume(key: string): void {
    const assumed = this.#assumed.get(key);
    if (assumed === undefined) return;
    this.#assumed.delete(key);
    this.#cache.removePod(assumed);
    const actual = this.#pods.get(key);
    if (actual !== undefined) this.#cache.setPod(actual);
  }

  #forget(key: string): void {
    this.#unassume(key);
    this.#unschedulable.delete(key);
    this.#volumeBinder.forget(key);
  }

  #isOurs(pod: Pod): boolean {
    const { spec, metadata } = pod;
    if ((spec?.nodeName ?? "") !== "" || metadata?.deletionTimestamp !== undefined || isTerminal(pod)) return false;
    return (spec?.schedulerName ?? NAME) === NAME && (spec?.schedulingGates ?? []).length === 0;
  }

  #snapshot(): Snapshot {
    return {
      nodes: this.#cache.nodes,
      claim: (namespace, name) => this.#claims.get(`${namespace}/${name}`),
      volume: (name) => this.#volumes.get(name),
      volumes: () => this.#volumes.list(),
      storageClass: (name) => this.#classes.get(name),
      namespaceLabels: (name) => this.#namespaces.get(name)?.metadata?.labels ?? {},
    };
  }

  async #bind(pod: Pod, node: string): Promise<void> {
    const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
    const key = keyOf(pod);
    this.#assume(pod, node);
    try {
      const binding = {
        apiVersion: "v1",
        kind: "Binding",
        metadata: { name, namespace, uid },
        target: { apiVersion: "v1", kind: "Node", name: node },
      };
      await this.#options.client.resource(core("pods"), namespace).createSubresource(name, "binding", binding);
    } catch (error) {
      this.#unassume(key);
      if (isStale(error)) return;
      throw error;
    }
    this.#unschedulable.delete(key);
    this.#record(pod, "Normal", "Scheduled", `Successfully assigned ${key} to ${node}`);
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
