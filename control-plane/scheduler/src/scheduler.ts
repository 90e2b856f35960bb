import type {
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodCondition,
} from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget } from "@tsukube/api/types/policy-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import {
  type Client,
  createEventRecorder,
  type EventRecorder,
  type EventType,
  type InformerFactory,
  type Outcome,
  type RunningController,
  referenceTo,
  SETTLED,
  startController,
  type WorkQueue,
} from "@tsukube/client";
import { type Clock, formatTime, Lifetime, type Logger, type Metrics, type Random } from "@tsukube/foundation";
import type { Snapshot } from "./framework.ts";
import { NodeCache } from "./node-cache.ts";
import { isTerminal, keyOf, priorityOf } from "./node-info.ts";
import { defaultPlugins } from "./plugins/index.ts";
import { type VolumeNeeds, volumeNeeds } from "./plugins/volumes.ts";
import { preemption } from "./preemption/preemption.ts";
import { Preemptor } from "./preemption/preemptor.ts";
import type { Victims } from "./preemption/victims.ts";
import { type Diagnosis, schedule } from "./schedule.ts";
import { SchedulerMetrics } from "./scheduler-metrics.ts";
import { isStale, VolumeBinder } from "./volume-binder.ts";

export interface SchedulerOptions {
  /** As `system:kube-scheduler`. */
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
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
  const scheduler = new Scheduler(options, events, () => controller.queue);
  const controller: RunningController = startController({
    name: "scheduler",
    clock,
    logger,
    workers: BINDERS,
    rank: (key) => scheduler.priorityOf(key),
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
  readonly #budgets;
  readonly #cache = new NodeCache();
  /** Decided, but not yet seen as bound: they hold their node's resources already. */
  readonly #assumed = new Map<string, Pod>();
  readonly #unschedulable = new Set<string>();
  /** Nodes on which pods wait for the room that was made for them, "" for none, where the API may not have it yet. */
  readonly #promised = new Map<string, string>();
  /** uids of pods that were told to end, until they have. */
  readonly #ending = new Set<string>();
  readonly #volumeBinder: VolumeBinder;
  readonly #preemptor: Preemptor;
  readonly #metrics: SchedulerMetrics;

  constructor(options: SchedulerOptions, events: EventRecorder, queue: () => Pick<WorkQueue, "length" | "retries">) {
    const { informers } = options;
    this.#options = options;
    this.#events = events;
    this.#pods = informers.informer<Pod>(core("pods"), {
      indexes: {
        nominated: (pod) => (isPromised(pod) ? [pod.status?.nominatedNodeName ?? ""] : []),
        gated: (pod) => (isGated(pod) ? [""] : []),
      },
    });
    this.#nodes = informers.informer<Node>(core("nodes"));
    this.#claims = informers.informer<PersistentVolumeClaim>(core("persistentvolumeclaims"));
    this.#volumes = informers.informer<PersistentVolume>(core("persistentvolumes"));
    this.#classes = informers.informer<StorageClass>({
      group: "storage.k8s.io",
      version: "v1",
      resource: "storageclasses",
    });
    this.#namespaces = informers.informer<Namespace>(core("namespaces"));
    this.#budgets = informers.informer<PodDisruptionBudget>({
      group: "policy",
      version: "v1",
      resource: "poddisruptionbudgets",
    });
    this.#volumeBinder = new VolumeBinder(options.client, options.clock);
    this.#preemptor = new Preemptor(options.client, options.clock, events);
    this.#metrics = new SchedulerMetrics(options.metrics, options.clock, NAME, () => ({
      active: queue().length,
      backoff: queue().retries.size,
      unschedulable: this.#unschedulable.difference(queue().retries).size,
      gated: this.#pods.byIndex("gated", "").length,
      ...this.#cache.size,
      assumed: this.#assumed.size,
    }));
  }

  /** Pods of higher priority are placed first. */
  priorityOf(key: string): number {
    const pod = this.#pods.get(key);
    return pod === undefined ? 0 : priorityOf(pod);
  }

  /** Calls `add` for pods to place, and for those that did not fit whenever something changes that could help. */
  follow(add: (key: string) => void): () => void {
    const retry = (): void => {
      // whoever is added first may be taken at once
      const waiting = [...this.#unschedulable].sort((a, b) => this.priorityOf(b) - this.priorityOf(a));
      for (const key of waiting) add(key);
      for (const key of this.#volumeBinder.waiting) add(key);
    };
    const stops = [
      this.#pods.onChange({
        added: (pod) => {
          this.#see(pod);
          this.#queued(pod);
          add(keyOf(pod));
        },
        updated: (before, pod) => {
          this.#see(pod);
          if (isNews(before, pod)) {
            this.#queued(pod);
            add(keyOf(pod));
          }
          if (isTerminal(pod)) retry();
        },
        deleted: (pod) => {
          this.#cache.removePod(pod);
          this.#forget(keyOf(pod));
          this.#metrics.forget(keyOf(pod));
          this.#ending.delete(pod.metadata?.uid ?? "");
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
    const known = this.#pods.get(key);
    if (known === undefined || !this.#isOurs(known)) {
      this.#forget(key);
      this.#metrics.forget(key);
      return SETTLED;
    }
    const pod = this.#withPromise(known);
    try {
      if (this.#assumed.has(key)) {
        if (!this.#volumeBinder.isWaiting(key)) return SETTLED; // bound already, as far as we are concerned
        const outcome = await this.#followVolumes(pod);
        if (outcome !== undefined) return outcome;
        this.#metrics.ended(key, "error");
      }
      this.#metrics.began(key);
      return await this.#decide(pod);
    } catch (error) {
      this.#metrics.ended(key, "error");
      throw error;
    }
  }

  async #decide(pod: Pod): Promise<Outcome> {
    const snapshot = this.#snapshot();
    const decision = schedule(pod, snapshot, defaultPlugins, () => this.#options.random.float());
    this.#metrics.decided(keyOf(pod));
    if (decision.kind === "unschedulable") return this.#preempt(pod, snapshot, decision.message, decision.diagnosis);
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
    if (progress === "overdue") return this.#refuse(pod, VOLUMES_OVERDUE, promisedNode(pod));
    await this.#bind(pod, node);
    return SETTLED;
  }

  /** An assumed pod stays where it is until it is seen on a node. */
  #see(pod: Pod): void {
    const isAssumed = this.#assumed.get(keyOf(pod))?.metadata?.uid === pod.metadata?.uid;
    if (!isAssumed || (pod.spec?.nodeName ?? "") !== "" || isTerminal(pod)) this.#cache.setPod(pod);
  }

  /** Looks for pods that have to go so that this one fits, and says what came of it. */
  async #preempt(pod: Pod, snapshot: Snapshot, why: string, { candidates, filters }: Diagnosis): Promise<Outcome> {
    this.#metrics.triedToPreempt();
    const { nodes } = snapshot;
    if (nodes.length === 0) return this.#refuse(pod, why, promisedNode(pod));
    const budgets = this.#budgets.list();
    const draw = () => this.#options.random.float();
    const outcome = preemption({ pod, filters, candidates, nodes, budgets, ending: this.#ending, draw });
    switch (outcome.kind) {
      case "wait":
        return this.#refuse(pod, `${why} preemption: ${outcome.message}`, promisedNode(pod));
      case "never":
        return this.#refuse(pod, `${why} preemption: ${outcome.message}`, "");
      case "victims":
        await this.#makeRoom(pod, outcome.victims, snapshot);
        return this.#refuse(pod, why, outcome.victims.node);
    }
  }

  async #makeRoom(pod: Pod, victims: Victims, snapshot: Snapshot): Promise<void> {
    const displaced = snapshot.nominated(victims.node).filter((other) => priorityOf(other) < priorityOf(pod));
    const uids = victims.pods.map(({ metadata }) => metadata?.uid ?? "");
    // before anything is awaited: the next decision has to know
    this.#promised.set(keyOf(pod), victims.node);
    for (const other of displaced) this.#promised.set(keyOf(other), "");
    for (const uid of uids) this.#ending.add(uid);
    try {
      await this.#preemptor.preempt(pod, victims);
      this.#metrics.preempted(victims.pods.length);
      await this.#preemptor.withdraw(displaced);
    } catch (error) {
      for (const key of [pod, ...displaced].map(keyOf)) this.#promised.delete(key);
      for (const uid of uids) this.#ending.delete(uid);
      throw error;
    }
  }

  /** The pod with the node that it was promised last: the cache may not have it yet. */
  #withPromise(pod: Pod): Pod {
    const promised = this.#promised.get(keyOf(pod));
    if (promised === undefined) return pod;
    if (promised === promisedNode(pod)) {
      this.#promised.delete(keyOf(pod));
      return pod;
    }
    return { ...pod, status: { ...pod.status, nominatedNodeName: promised } };
  }

  /** Pods that wait for room on a node. */
  #nominated(node: string): readonly Pod[] {
    const known = this.#pods.byIndex("nominated", node).filter((pod) => !this.#promised.has(keyOf(pod)));
    const own = [...this.#promised].flatMap(([key, name]) => (name === node ? (this.#pods.get(key) ?? []) : []));
    return [...known, ...own];
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
    this.#promised.delete(key);
    this.#volumeBinder.forget(key);
  }

  #queued(pod: Pod): void {
    if (this.#isOurs(pod)) this.#metrics.queued(keyOf(pod));
  }

  #isOurs(pod: Pod): boolean {
    const { spec, metadata } = pod;
    if ((spec?.nodeName ?? "") !== "" || metadata?.deletionTimestamp !== undefined || isTerminal(pod)) return false;
    return (spec?.schedulerName ?? NAME) === NAME && !isGated(pod);
  }

  #snapshot(): Snapshot {
    return {
      nodes: this.#cache.nodes,
      claim: (namespace, name) => this.#claims.get(`${namespace}/${name}`),
      volume: (name) => this.#volumes.get(name),
      volumes: () => this.#volumes.list(),
      storageClass: (name) => this.#classes.get(name),
      namespaceLabels: (name) => this.#namespaces.get(name)?.metadata?.labels ?? {},
      nominated: (node) => this.#nominated(node),
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
      if (!isStale(error)) throw error;
      this.#metrics.ended(key, "error");
      return;
    }
    this.#metrics.ended(key, "scheduled");
    this.#unschedulable.delete(key);
    this.#promised.delete(key);
    this.#record(pod, "Normal", "Scheduled", `Successfully assigned ${key} to ${node}`);
  }

  /** @param promised The node on which others make room for it, "" for none. */
  async #refuse(pod: Pod, message: string, promised: string): Promise<Outcome> {
    this.#metrics.ended(keyOf(pod), "unschedulable");
    this.#unschedulable.add(keyOf(pod));
    const before = pod.status?.conditions?.find((condition) => condition.type === "PodScheduled");
    const isSaid = before?.status === "False" && before.reason === "Unschedulable" && before.message === message;
    if (isSaid && promisedNode(pod) === promised) return { recheckAfterMs: UNSCHEDULABLE_MS };
    await this.#tell(pod, message, before, promised);
    this.#record(pod, "Warning", "FailedScheduling", message);
    return { recheckAfterMs: UNSCHEDULABLE_MS };
  }

  async #tell(pod: Pod, message: string, before: PodCondition | undefined, promised: string): Promise<void> {
    const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
    const lastTransitionTime =
      before?.status === "False" ? before.lastTransitionTime : formatTime(this.#options.clock.now());
    const condition = {
      type: "PodScheduled",
      status: "False",
      reason: "Unschedulable",
      message,
      lastTransitionTime,
      observedGeneration: pod.metadata?.generation,
    };
    const status = { conditions: [condition], nominatedNodeName: promised === "" ? null : promised };
    if (promisedNode(pod) !== promised) this.#promised.set(keyOf(pod), promised);
    try {
      await this.#options.client
        .resource<Pod>(core("pods"), namespace)
        .patch(name, { type: "strategic", body: { metadata: { uid }, status } }, { subresource: "status" });
    } catch (error) {
      this.#promised.delete(keyOf(pod));
      throw error;
    }
  }

  #record(pod: Pod, type: EventType, reason: string, message: string): void {
    this.#events.event(referenceTo(pod, "v1", "Pod"), type, reason, message);
  }
}

/** Changes of a pod that its placing depends on: what is told about it, by us too, is none. */
function isNews(before: Pod, now: Pod): boolean {
  const relevant = ({ metadata, spec, status }: Pod): string =>
    JSON.stringify([metadata?.uid, metadata?.labels, metadata?.deletionTimestamp, spec, status?.phase]);
  return relevant(before) !== relevant(now);
}

function isGated({ spec }: Pod): boolean {
  return (spec?.schedulingGates ?? []).length > 0;
}

/** Whether a pod without a node waits for room on one. */
function isPromised(pod: Pod): boolean {
  return (pod.spec?.nodeName ?? "") === "" && promisedNode(pod) !== "" && !isTerminal(pod);
}

function promisedNode({ status }: Pod): string {
  return status?.nominatedNodeName ?? "";
}

/** Changes of a node that can make room: heartbeats do not count. */
function fitsOtherwise(before: Node, now: Node): boolean {
  const relevant = ({ metadata, spec, status }: Node): string =>
    JSON.stringify([metadata?.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return relevant(before) !== relevant(now);
}
