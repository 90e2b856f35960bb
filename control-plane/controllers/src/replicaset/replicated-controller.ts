import { jsonEqual } from "@tsukube/api";
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
import { type ControllerContext, PODS } from "../context.ts";
import { Expectations } from "../pods/expectations.ts";
import { isNamespaceTerminating } from "../pods/namespace-terminating.ts";
import { ownedPods } from "../pods/owned-pods.ts";
import { claimPods } from "../pods/pod-claims.ts";
import { podFromTemplate } from "../pods/pod-from-template.ts";
import { allSettled, slowStart } from "../pods/slow-start.ts";
import { withFailure } from "./failure.ts";
import { type Plan, plan, statusOf } from "./plan.ts";
import type { Replicated, ReplicatedKind, ReplicatedStatus } from "./replicated.ts";

/** Keeps the number of active pods of each object of one kind equal to its `spec.replicas`. */
export class ReplicatedController<T extends Replicated> {
  readonly #context: ControllerContext;
  readonly #kind: ReplicatedKind<T>;
  readonly #owners: Informer<T>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;

  constructor(context: ControllerContext, kind: ReplicatedKind<T>) {
    this.#context = context;
    this.#kind = kind;
    this.#owners = context.informers.informer<T>(kind.resource);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#expectations = new Expectations(context.clock);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const name = this.#kind.kind.toLowerCase();
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(name, startController({ name, clock, logger, queues, reconcile }));
    const add = (owner: T): void => queue.add(keyOf(owner));
    const deleted = (owner: T): void => {
      this.#expectations.forget(keyOf(owner));
      add(owner);
    };
    lifetime.add("owners", this.#owners.onChange({ added: add, updated: (_, owner) => add(owner), deleted }));
    const pods = ownedPods({
      kind: this.#kind.kind,
      owners: this.#owners,
      selectorOf: (owner: T) => this.#kind.selectorOf(owner),
      expectations: this.#expectations,
      add: queue.add.bind(queue),
    });
    lifetime.add("pods", this.#pods.onChange(pods));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const owner = this.#owners.get(key);
    if (owner === undefined) return SETTLED; // deleted: garbage collection owns the pods now
    const { apiVersion, kind } = this.#kind;
    const claimant = { owner, apiVersion, kind, selector: this.#kind.selectorOf(owner) };
    const candidates = this.#pods.byIndex("namespace", owner.metadata?.namespace ?? "");
    const pods = await claimPods(this.#context.client, claimant, candidates);
    const now = this.#context.clock.now();
    const settled = this.#expectations.fulfilled(key);
    const { status, changesInMs } = statusOf(owner, pods, now, this.#kind.tellsTerminating);
    if (settled && owner.metadata?.deletionTimestamp === undefined)
      await this.#manage(owner, key, plan(owner, pods, now), status, now);
    else await this.#report(owner, status);
    return changesInMs === undefined ? SETTLED : { recheckAfterMs: changesInMs };
  }

  /** Applies the plan, then tells in the status how that went. */
  async #manage(owner: T, key: Key, planned: Plan, status: ReplicatedStatus, now: number): Promise<void> {
    let failure: unknown;
    try {
      await this.#apply(owner, key, planned);
    } catch (error) {
      failure = error;
    }
    const { conditions: before, ...counts } = status;
    const conditions = withFailure(before, planned, failure, now);
    await this.#report(owner, conditions === undefined ? counts : { ...counts, conditions });
    if (failure !== undefined) throw failure;
  }

  async #apply(owner: T, key: Key, { create, remove }: Plan): Promise<void> {
    if (create + remove.length === 0) return;
    this.#expectations.expect(key, create, remove.map(uidOf));
    await this.#create(owner, key, create);
    const client = this.#context.client.resource<Pod>(PODS, owner.metadata?.namespace);
    const deletions = remove.map(async (pod) => {
      const name = pod.metadata?.name ?? "";
      try {
        await client.delete(name, { preconditions: { uid: uidOf(pod) } });
        this.#event(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
      } catch (error) {
        this.#expectations.deleted(key, uidOf(pod));
        this.#event(owner, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
        throw error;
      }
    });
    await allSettled(deletions);
  }

  async #create(owner: T, key: Key, count: number): Promise<void> {
    const client = this.#context.client.resource<Pod>(PODS, owner.metadata?.namespace);
    const reference = controllerReference(owner, this.#kind.apiVersion, this.#kind.kind);
    const create = async (): Promise<void> => {
      try {
        const pod = await client.create(podFromTemplate(owner, reference, owner.spec?.template));
        this.#event(owner, "Normal", "SuccessfulCreate", `Created pod: ${pod.metadata?.name}`);
      } catch (error) {
        this.#expectations.created(key);
        if (isNamespaceTerminating(error)) return;
        this.#event(owner, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
        throw error;
      }
    };
    await slowStart(count, create, () => this.#expectations.created(key));
  }

  #event(owner: T, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(owner, this.#kind.apiVersion, this.#kind.kind), type, reason, message);
  }

  async #report(owner: T, status: ReplicatedStatus): Promise<void> {
    const comparable = (some: ReplicatedStatus | undefined): unknown => ({ ...UNREPORTED, ...some });
    if (jsonEqual(comparable(owner.status), comparable(status))) return;
    await this.#context.client.resource<T>(this.#kind.resource).updateStatus({ ...owner, status });
  }
}

/** What an absent field of a status means. */
const UNREPORTED: ReplicatedStatus = {
  replicas: 0,
  fullyLabeledReplicas: 0,
  readyReplicas: 0,
  availableReplicas: 0,
  observedGeneration: 0,
};

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? "";
}
