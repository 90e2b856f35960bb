import { ApiError, jsonEqual } from "@tsukube/api";
import type { DaemonSet, DaemonSetStatus } from "@tsukube/api/types/apps-v1";
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
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, DAEMON_SETS, NODES, PODS } from "../context.ts";
import { RevisionHistory } from "../history/revision-history.ts";
import { Expectations } from "../pods/expectations.ts";
import { isNamespaceTerminating } from "../pods/namespace-terminating.ts";
import { ownedPods } from "../pods/owned-pods.ts";
import { claimPods } from "../pods/pod-claims.ts";
import { allSettled, slowStart } from "../pods/slow-start.ts";
import type { Observed } from "./census.ts";
import { daemonPodOf, HASH_LABEL, hashOf, isUpdated, nodeOf } from "./daemon-pod.ts";
import { FailedPodBackoff } from "./failed-pod-backoff.ts";
import { type Plan, plan } from "./plan.ts";
import { availabilityDue, statusOf, withZeros } from "./status.ts";

/** Keeps one pod of each DaemonSet on each node that its template fits. */
export class DaemonSetController {
  readonly #context: ControllerContext;
  readonly #sets: Informer<DaemonSet>;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #history: RevisionHistory;
  readonly #expectations: Expectations;
  readonly #backoff: FailedPodBackoff;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.informer<DaemonSet>(DAEMON_SETS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#nodes = context.informers.informer<Node>(NODES);
    this.#history = new RevisionHistory(context, { apiVersion: "apps/v1", kind: "DaemonSet", hashLabel: HASH_LABEL });
    this.#expectations = new Expectations(context.clock);
    this.#backoff = new FailedPodBackoff(context.clock);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "daemonset",
      startController({ name: "daemonset", clock, logger, queues, reconcile }),
    );
    const add = (set: DaemonSet): void => queue.add(keyOf(set));
    const deleted = (set: DaemonSet): void => this.#expectations.forget(keyOf(set));
    lifetime.add("sets", this.#sets.onChange({ added: add, updated: (_, set) => add(set), deleted }));
    const pods = ownedPods({
      kind: "DaemonSet",
      owners: this.#sets,
      selectorOf: (set) => set.spec.selector,
      expectations: this.#expectations,
      add: queue.add.bind(queue),
    });
    lifetime.add("pods", this.#pods.onChange(pods));
    const addAll = (): void => this.#sets.list().forEach(add);
    const updated = (before: Node, node: Node): void => {
      if (!isSameForDaemons(before, node)) addAll(); // not for each heartbeat
    };
    lifetime.add("nodes", this.#nodes.onChange({ added: addAll, updated, deleted: addAll }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const set = this.#sets.get(key);
    if (set === undefined || set.metadata?.deletionTimestamp !== undefined) return SETTLED; // garbage collection owns the pods
    const revisions = await this.#history.of(set);
    const { revision, collisions } = await this.#history.record(set, revisions);
    // before the pods are read: one that shows up in between must not settle what they do not show
    const settled = this.#expectations.fulfilled(key);
    const observed = this.#observe(set, await this.#podsOf(set), hashOf(revision));
    const planned = settled ? plan(observed) : NOTHING;
    const failure = await this.#apply(observed, key, planned);
    await this.#report(set, statusOf(observed, collisions, settled));
    const isLive = (hash: string): boolean => observed.pods.some((pod) => isUpdated(pod, hash));
    const live = [revision, ...revisions.filter((known) => isLive(hashOf(known)))];
    await this.#history.truncate(set, revisions, new Set(live.map(({ metadata }) => metadata?.name ?? "")));
    if (failure !== undefined) throw failure;
    const due = [availabilityDue(observed), planned.recheckAfterMs].filter((ms) => ms !== undefined);
    return due.length === 0 ? SETTLED : { recheckAfterMs: Math.min(...due) };
  }

  #podsOf(set: DaemonSet): Promise<readonly Pod[]> {
    const { selector } = set.spec;
    const claimant = { owner: set, apiVersion: "apps/v1", kind: "DaemonSet", selector };
    return claimPods(this.#context.client, claimant, this.#pods.byIndex("namespace", set.metadata?.namespace ?? ""));
  }

  #observe(set: DaemonSet, pods: readonly Pod[], hash: string): Observed {
    const backoff = (node: string): number => this.#backoff.left(`${set.metadata?.uid}/${node}`);
    return { set, pods, hash, nodes: this.#nodes.list(), now: this.#context.clock.now(), backoff };
  }

  /** Carries out as much of the plan as works. @returns what did not. */
  async #apply({ set, hash }: Observed, key: Key, { create, remove }: Plan): Promise<unknown> {
    if (create.length + remove.length === 0) return undefined;
    this.#expectations.expect(key, create.length, remove.map(uidOf));
    const removed = allSettled(remove.map((pod) => this.#remove(set, key, pod)));
    const make = (index: number): Promise<void> => this.#create(set, key, daemonPodOf(set, create[index]!, hash));
    const created = slowStart(create.length, make, () => this.#expectations.created(key));
    const results = await Promise.allSettled([created, removed]);
    return results.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []))[0];
  }

  async #create(set: DaemonSet, key: Key, pod: Pod): Promise<void> {
    try {
      const made = await this.#context.client.resource<Pod>(PODS, set.metadata?.namespace).create(pod);
      this.#event(set, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata?.name}`);
    } catch (error) {
      this.#expectations.created(key);
      if (isNamespaceTerminating(error)) return;
      this.#event(set, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async #remove(set: DaemonSet, key: Key, pod: Pod): Promise<void> {
    const { name = "", namespace } = pod.metadata ?? {};
    this.#explain(set, pod);
    try {
      await this.#context.client.resource<Pod>(PODS, namespace).delete(name, { preconditions: { uid: uidOf(pod) } });
      this.#event(set, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
    } catch (error) {
      this.#expectations.deleted(key, uidOf(pod));
      if (ApiError.is(error, "NotFound")) return;
      this.#event(set, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Tells of a pod that should not have ended, and lets the next one of its node wait longer. */
  #explain(set: DaemonSet, pod: Pod): void {
    const node = nodeOf(pod) ?? "";
    const what = `daemon pod ${pod.metadata?.namespace}/${pod.metadata?.name} on node ${node}, will try to`;
    if (pod.status?.phase === "Succeeded")
      this.#event(set, "Normal", "SucceededDaemonPod", `Found succeeded ${what} delete it`);
    if (pod.status?.phase !== "Failed") return;
    this.#backoff.next(`${set.metadata?.uid}/${node}`);
    this.#event(set, "Warning", "FailedDaemonPod", `Found failed ${what} kill it`);
  }

  #event(set: DaemonSet, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(set, "apps/v1", "DaemonSet"), type, reason, message);
  }

  async #report(set: DaemonSet, status: DaemonSetStatus): Promise<void> {
    if (jsonEqual(withZeros(set.status), withZeros(status))) return;
    await this.#context.client.resource<DaemonSet>(DAEMON_SETS).updateStatus({ ...set, status });
  }
}

const NOTHING: Plan = { create: [], remove: [] };

function isSameForDaemons(before: Node, node: Node): boolean {
  return jsonEqual(
    [before.metadata?.labels ?? {}, before.spec?.taints ?? []],
    [node.metadata?.labels ?? {}, node.spec?.taints ?? []],
  );
}

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? "";
}
