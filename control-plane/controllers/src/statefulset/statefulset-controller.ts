import { ApiError, jsonEqual } from "@tsukube/api";
import type { ControllerRevision, StatefulSet, StatefulSetStatus } from "@tsukube/api/types/apps-v1";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { CLAIMS, type ControllerContext, PODS, STATEFUL_SETS } from "../context.ts";
import { RevisionHistory } from "../history/revision-history.ts";
import { Expectations } from "../pods/expectations.ts";
import { ownedPods } from "../pods/owned-pods.ts";
import { claimPods } from "../pods/pod-claims.ts";
import { slowStart } from "../pods/slow-start.ts";
import { claimsFor, isStale } from "./claims.ts";
import { ordinalOf } from "./ordinals.ts";
import { type Observed, type Plan, plan } from "./plan.ts";
import { PodKeeper } from "./pod-keeper.ts";
import { revisionNameOf } from "./stateful-pod.ts";
import { availabilityDue, statusOf } from "./status.ts";

/** Keeps one pod with a name and storage of its own for each ordinal of each StatefulSet; never two of one ordinal. */
export class StatefulSetController {
  readonly #context: ControllerContext;
  readonly #sets: Informer<StatefulSet>;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #history: RevisionHistory;
  readonly #expectations: Expectations;
  readonly #keeper: PodKeeper;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#sets = context.informers.informer<StatefulSet>(STATEFUL_SETS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#claims = context.informers.informer<PersistentVolumeClaim>(CLAIMS);
    const kind = { apiVersion: "apps/v1", kind: "StatefulSet", hashLabel: "controller.kubernetes.io/hash" };
    this.#history = new RevisionHistory(context, kind);
    this.#expectations = new Expectations(context.clock);
    this.#keeper = new PodKeeper(context, this.#claims);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "statefulset",
      startController({ name: "statefulset", clock, logger, queues, reconcile }),
    );
    const add = (set: StatefulSet): void => queue.add(keyOf(set));
    const deleted = (set: StatefulSet): void => this.#expectations.forget(keyOf(set));
    lifetime.add("sets", this.#sets.onChange({ added: add, updated: (_, set) => add(set), deleted }));
    const pods = ownedPods({
      kind: "StatefulSet",
      owners: this.#sets,
      selectorOf: (set) => set.spec.selector,
      expectations: this.#expectations,
      add: queue.add.bind(queue),
    });
    lifetime.add("pods", this.#pods.onChange(pods));
    // a new pod may wait for the end of its predecessor's claim, a pending one for a claim to be made anew
    const claimGone = ({ metadata }: PersistentVolumeClaim): void => {
      for (const set of this.#sets.byIndex("namespace", metadata?.namespace ?? ""))
        if (set.spec.volumeClaimTemplates !== undefined) add(set);
    };
    lifetime.add("claims", this.#claims.onChange({ deleted: claimGone }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const set = this.#sets.get(key);
    if (set === undefined) return SETTLED; // deleted: garbage collection owns the pods now
    const revisions = await this.#history.of(set);
    // before the pods are read: one that shows up in between must not settle what they do not show
    const settled = this.#expectations.fulfilled(key);
    const pods = await this.#podsOf(set);
    const { revision: update, collisions } = await this.#history.record(set, revisions);
    const current = revisions.find(({ metadata }) => metadata?.name === set.status?.currentRevision) ?? update;
    const observed = this.#observe(set, pods, current, update);
    const planned = settled ? plan(observed) : NOTHING;
    const failure = await this.#apply(observed, key, planned);
    await this.#report(set, statusOf(observed, collisions, planned));
    const live = new Set(
      [current, update].map(({ metadata }) => metadata?.name ?? "").concat(pods.map(revisionNameOf)),
    );
    await this.#history.truncate(set, revisions, live);
    if (failure !== undefined) throw failure;
    const due = availabilityDue(observed);
    return due === undefined ? SETTLED : { recheckAfterMs: due };
  }

  #podsOf(set: StatefulSet): Promise<readonly Pod[]> {
    const claimant = {
      owner: set,
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      selector: set.spec.selector,
      mayAdopt: (pod: Pod) => ordinalOf(set, pod) !== undefined,
    };
    const candidates = this.#pods.byIndex("namespace", set.metadata?.namespace ?? "");
    return claimPods(this.#context.client, claimant, candidates);
  }

  #observe(set: StatefulSet, pods: readonly Pod[], current: ControllerRevision, update: ControllerRevision): Observed {
    const isBlocked = (podName: string): boolean => {
      const ordinal = ordinalOf(set, { metadata: { name: podName } });
      return claimsFor(set, ordinal ?? 0).some((claim) => {
        const present = this.#claims.get(keyOf(claim));
        return present !== undefined && isStale(set, podName, present);
      });
    };
    return { set, pods, current, update, now: this.#context.clock.now(), isBlocked };
  }

  /** Carries out as much of the plan as works. @returns what did not. */
  async #apply({ set }: Observed, key: Key, { create, remove, tend }: Plan): Promise<unknown> {
    try {
      for (const pod of tend) await this.#keeper.tend(set, pod);
      if (create.length + remove.length === 0) return undefined;
      this.#expectations.expect(key, create.length, remove.map(uidOf));
      const make = (index: number): Promise<void> =>
        this.#keeper.create(set, create[index]!).catch((error: unknown) => {
          this.#expectations.created(key);
          throw error;
        });
      await slowStart(create.length, make, () => this.#expectations.created(key));
      for (const pod of remove) await this.#remove(set, key, pod);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async #remove(set: StatefulSet, key: Key, pod: Pod): Promise<void> {
    try {
      await this.#keeper.remove(set, pod);
    } catch (error) {
      this.#expectations.deleted(key, uidOf(pod));
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }

  async #report(set: StatefulSet, status: StatefulSetStatus): Promise<void> {
    const comparable = (some: StatefulSetStatus | undefined): unknown => ({ ...UNREPORTED, ...some });
    if (jsonEqual(comparable(set.status), comparable(status))) return;
    await this.#context.client.resource<StatefulSet>(STATEFUL_SETS).updateStatus({ ...set, status });
  }
}

const NOTHING: Plan = { create: [], remove: [], outdated: [], tend: [] };

/** What an absent field of a status means. */
const UNREPORTED: StatefulSetStatus = {
  observedGeneration: 0,
  replicas: 0,
  readyReplicas: 0,
  availableReplicas: 0,
  currentReplicas: 0,
  updatedReplicas: 0,
};

function uidOf(pod: Pod): string {
  return pod.metadata?.uid ?? "";
}
