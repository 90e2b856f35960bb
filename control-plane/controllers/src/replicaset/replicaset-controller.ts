import { jsonEqual } from "@tsukube/api";
import type { ReplicaSet, ReplicaSetStatus } from "@tsukube/api/types/apps-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import {
  controllerReference,
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
import { type ControllerContext, PODS, REPLICA_SETS } from "../context.ts";
import { Expectations } from "../pods/expectations.ts";
import { ownedPods } from "../pods/owned-pods.ts";
import { claimPods } from "../pods/pod-claims.ts";
import { podFromTemplate } from "../pods/pod-from-template.ts";
import { allSettled, slowStart } from "../pods/slow-start.ts";
import { plan, statusOf } from "./plan.ts";

/** Keeps the number of active pods of each ReplicaSet equal to `spec.replicas`. */
export class ReplicaSetController {
  readonly #context: ControllerContext;
  readonly #sets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.informer<ReplicaSet>(REPLICA_SETS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#expectations = new Expectations(context.clock);
  }

  start(): void {
    const { clock, logger, lifetime } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const running = lifetime.own("replicaset", startController({ name: "replicaset", clock, logger, reconcile }));
    const { queue } = running;
    const add = (set: ReplicaSet): void => queue.add(keyOf(set));
    const deleted = (set: ReplicaSet): void => {
      this.#expectations.forget(keyOf(set));
      add(set);
    };
    lifetime.add("sets", this.#sets.onChange({ added: add, updated: (_, set) => add(set), deleted }));
    const pods = ownedPods({
      kind: "ReplicaSet",
      owners: this.#sets,
      selectorOf: (set) => set.spec?.selector,
      expectations: this.#expectations,
      add: queue.add.bind(queue),
    });
    lifetime.add("pods", this.#pods.onChange(pods));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const set = this.#sets.get(key);
    if (set === undefined) return SETTLED; // deleted: garbage collection owns the pods now
    const claimant = { owner: set, apiVersion: "apps/v1", kind: "ReplicaSet", selector: set.spec?.selector };
    const candidates = this.#pods.byIndex("namespace", set.metadata?.namespace ?? "");
    const pods = await claimPods(this.#context.client, claimant, candidates);
    const now = this.#context.clock.now();
    const pending = !this.#expectations.fulfilled(key);
    try {
      if (!pending && set.metadata?.deletionTimestamp === undefined) await this.#apply(set, key, pods, now);
    } finally {
      await this.#report(set, statusOf(set, pods, now).status);
    }
    const { changesInMs } = statusOf(set, pods, now);
    return changesInMs === undefined ? SETTLED : { recheckAfterMs: changesInMs };
  }

  async #apply(set: ReplicaSet, key: Key, pods: readonly Pod[], now: number): Promise<void> {
    const { create, remove } = plan(set, pods, now);
    if (create + remove.length === 0) return;
    this.#expectations.expect(key, create, remove.map(uidOf));
    await this.#create(set, key, create);
    const client = this.#context.client.resource<Pod>(PODS, set.metadata?.namespace);
    const deletions = remove.map(async (pod) => {
      const name = pod.metadata?.name ?? "";
      try {
        await client.delete(name, { preconditions: { uid: uidOf(pod) } });
        this.#event(set, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
      } catch (error) {
        this.#expectations.deleted(key, uidOf(pod));
        this.#event(set, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
        throw error;
      }
    });
    await allSettled(deletions);
  }

  async #create(set: ReplicaSet, key: Key, count: number): Promise<void> {
    const client = this.#context.client.resource<Pod>(PODS, set.metadata?.namespace);
    const reference = controllerReference(set, "apps/v1", "ReplicaSet");
    const create = async (): Promise<void> => {
      try {
        const pod = await client.create(podFromTemplate(set, reference, set.spec?.template));
        this.#event(set, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata?.name}`);
      } catch (error) {
        this.#expectations.created(key);
        this.#event(set, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
        throw error;
      }
    };
    await slowStart(count, create, () => this.#expectations.created(key));
  }

  #event(set: ReplicaSet, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(set, "apps/v1", "ReplicaSet"), type, reason, message);
  }

  async #report(set: ReplicaSet, status: ReplicaSetStatus): Promise<void> {
    const before = set.status ?? { replicas: 0 };
    const changed = Object.entries(status).some(
      ([name, value]) => !jsonEqual(before[name as keyof ReplicaSetStatus] ?? 0, value),
    );
    if (!changed) return;
    await this.#context.client.resource<ReplicaSet>(REPLICA_SETS).updateStatus({ ...set, status });
  }
}

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? "";
}
