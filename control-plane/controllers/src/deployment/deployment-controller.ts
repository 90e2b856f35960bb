import { jsonEqual, labelMatcherOf } from "@tsukube/api";
import type { Deployment, DeploymentStatus, ReplicaSet } from "@tsukube/api/types/apps-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import {
  controllerOf,
  type Informer,
  isControlledBy,
  type Key,
  keyOf,
  type Outcome,
  SETTLED,
  startController,
} from "@tsukube/client";
import { formatTime, messageOf } from "@tsukube/foundation";
import { type ControllerContext, DEPLOYMENTS, PODS, REPLICA_SETS } from "../context.ts";
import { isActive } from "../pods/pod-state.ts";
import { planCleanup, planRecreate, planRolling, REVISION, revisionOf, type Scaling, specOf } from "./plan.ts";
import { deadlineOf, restingStatusOf, rolloutStatusOf, type SetEvent } from "./progress.ts";
import { isResized, planResize } from "./proportional.ts";
import { isOfTemplate, nextRevision, ReplicaSetKeeper } from "./replica-set-keeper.ts";
import { countsOf, isComplete, type Rollout } from "./status.ts";

/** Moves each Deployment's replicas to the ReplicaSet of its template, as fast as its strategy allows. */
export class DeploymentController {
  readonly #context: ControllerContext;
  readonly #deployments: Informer<Deployment>;
  readonly #sets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #keeper: ReplicaSetKeeper;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deployments = context.informers.informer<Deployment>(DEPLOYMENTS);
    this.#sets = context.informers.informer<ReplicaSet>(REPLICA_SETS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#keeper = new ReplicaSetKeeper(context);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "deployment",
      startController({ name: "deployment", clock, logger, queues, reconcile }),
    );
    const add = (deployment: Deployment): void => queue.add(keyOf(deployment));
    lifetime.add("deployments", this.#deployments.onChange({ added: add, updated: (_, after) => add(after) }));
    const wake = (set: ReplicaSet): void => {
      for (const deployment of this.#ownersOf(set)) queue.add(deployment);
    };
    const updated = (before: ReplicaSet, set: ReplicaSet): void => {
      if (controllerOf(before)?.uid !== controllerOf(set)?.uid) wake(before);
      wake(set);
    };
    lifetime.add("sets", this.#sets.onChange({ added: wake, updated, deleted: wake }));
    const gone = (pod: Pod): void => {
      const set = this.#sets.get(`${pod.metadata?.namespace}/${controllerOf(pod)?.name}`);
      if (set !== undefined) wake(set); // Recreate waits for the last one
    };
    const ended = (before: Pod, pod: Pod): void => {
      if (before.status?.phase !== pod.status?.phase && !isActive(pod)) gone(pod);
    };
    lifetime.add("pods", this.#pods.onChange({ updated: ended, deleted: gone }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const deployment = this.#deployments.get(key);
    if (deployment === undefined) return SETTLED;
    const candidates = this.#sets.byIndex("namespace", deployment.metadata?.namespace ?? "");
    const sets = await this.#keeper.claim(deployment, candidates);
    const found = oldestFirst(sets).find((set) => isOfTemplate(set, deployment));
    const rollout = { deployment, current: found, old: sets.filter((set) => set !== found) };
    const now = this.#context.clock.now();
    if (deployment.metadata?.deletionTimestamp !== undefined)
      return this.#report(rollout, restingStatusOf(rollout, now));
    const numbered = found === undefined ? rollout : await this.#number(rollout, found);
    if (deployment.spec?.paused === true || isResized(deployment, sets)) return this.#resize(numbered);
    return this.#progress(numbered);
  }

  /** Keeps the shares of all sets while the deployment's size changes, and moves the rollout no further. */
  async #resize(rollout: Rollout): Promise<Outcome> {
    const { deployment, current, old } = rollout;
    const resized = await this.#scale(rollout, planResize(deployment, current, old));
    return this.#report(resized, restingStatusOf(resized, this.#context.clock.now()));
  }

  async #progress(rollout: Rollout): Promise<Outcome> {
    const { old, deployment } = rollout;
    const oldPods = this.#podsOf(old);
    const waits = deployment.spec?.strategy?.type === "Recreate" && (oldPods > 0 || old.some((set) => specOf(set) > 0));
    const creates = rollout.current === undefined && !waits;
    const started = creates ? await this.#create(rollout) : rollout;
    const moved = await this.#scale(started, planStep(started, oldPods));
    if (isComplete(deployment, countsOf(moved)))
      for (const set of planCleanup(deployment, moved.old)) await this.#keeper.remove(set);
    const event: SetEvent = creates ? "created" : "found";
    return this.#report(moved, rolloutStatusOf(moved, this.#context.clock.now(), event));
  }

  async #create(rollout: Rollout): Promise<Rollout> {
    const { deployment, old } = rollout;
    try {
      const current = await this.#keeper.create(deployment, old, nextRevision(old));
      return await this.#number({ ...rollout, current }, current);
    } catch (error) {
      await this.#reportFailure(rollout, error);
      throw error;
    }
  }

  /** Gives the current set the highest revision, and the deployment the same: what `kubectl rollout` reads. */
  async #number(rollout: Rollout, set: ReplicaSet): Promise<Rollout> {
    const { deployment, old } = rollout;
    const current = await this.#keeper.align(deployment, set, nextRevision(old));
    if (revisionOf(deployment) === revisionOf(current)) return { ...rollout, current };
    const annotations = { ...deployment.metadata?.annotations, [REVISION]: String(revisionOf(current)) };
    const metadata = { ...deployment.metadata, annotations };
    const client = this.#context.client.resource<Deployment>(DEPLOYMENTS);
    return { ...rollout, current, deployment: await client.updateStatus({ ...deployment, metadata }) };
  }

  async #scale(rollout: Rollout, scalings: readonly Scaling[]): Promise<Rollout> {
    const scaled = new Map<ReplicaSet, ReplicaSet>();
    for (const scaling of scalings) scaled.set(scaling.set, await this.#keeper.scale(rollout.deployment, scaling));
    const of = (set: ReplicaSet): ReplicaSet => scaled.get(set) ?? set;
    const { current, old } = rollout;
    return { ...rollout, current: current === undefined ? undefined : of(current), old: old.map(of) };
  }

  async #report({ deployment }: Rollout, status: DeploymentStatus): Promise<Outcome> {
    if (!jsonEqual(comparable(deployment.status), comparable(status)))
      await this.#context.client.resource<Deployment>(DEPLOYMENTS).updateStatus({ ...deployment, status });
    const due = deadlineOf(deployment, status, this.#context.clock.now());
    return due === undefined ? SETTLED : { recheckAfterMs: due };
  }

  /** Tells that the set could not be made; nothing else of the status is known to have changed. */
  async #reportFailure({ deployment }: Rollout, error: unknown): Promise<void> {
    const time = formatTime(this.#context.clock.now());
    const others = (deployment.status?.conditions ?? []).filter(({ type }) => type !== "Progressing");
    const before = deployment.status?.conditions?.find(({ type }) => type === "Progressing");
    if (before?.reason === "ReplicaSetCreateError") return;
    const condition = {
      type: "Progressing",
      status: "False",
      reason: "ReplicaSetCreateError",
      message: messageOf(error),
      lastUpdateTime: time,
      lastTransitionTime: time,
    };
    const status = { ...deployment.status, conditions: [...others, condition] };
    await this.#context.client.resource<Deployment>(DEPLOYMENTS).updateStatus({ ...deployment, status });
  }

  /** The set's owner, or for an orphan each deployment that could adopt it. */
  #ownersOf(set: ReplicaSet): readonly Key[] {
    const owner = controllerOf(set);
    const namespace = set.metadata?.namespace ?? "";
    if (owner !== undefined) return owner.kind === "Deployment" ? [`${namespace}/${owner.name}`] : [];
    return this.#deployments
      .byIndex("namespace", namespace)
      .filter(({ spec }) => labelMatcherOf(spec?.selector).matches(set.metadata?.labels))
      .map(keyOf);
  }

  /** Pods of the sets that still run, those on their way out included. */
  #podsOf(sets: readonly ReplicaSet[]): number {
    const finished = (pod: Pod): boolean => !isActive(pod) && pod.metadata?.deletionTimestamp === undefined;
    const pods = this.#pods.byIndex("namespace", sets[0]?.metadata?.namespace ?? "");
    return pods.filter((pod) => !finished(pod) && sets.some((set) => isControlledBy(pod, set))).length;
  }
}

function planStep({ deployment, current, old }: Rollout, oldPods: number): readonly Scaling[] {
  if (current === undefined) return old.filter((set) => specOf(set) > 0).map((set) => ({ set, replicas: 0 }));
  if (deployment.spec?.strategy?.type === "Recreate") return planRecreate(deployment, current, old, oldPods);
  return planRolling(deployment, current, old);
}

function oldestFirst(sets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  const age = ({ metadata }: ReplicaSet): string => `${metadata?.creationTimestamp ?? ""} ${metadata?.name ?? ""}`;
  return [...sets].sort((a, b) => (age(a) < age(b) ? -1 : 1));
}

/** What an absent field of a status means. */
function comparable(status: DeploymentStatus | undefined): unknown {
  const zeros = { replicas: 0, updatedReplicas: 0, readyReplicas: 0, availableReplicas: 0, unavailableReplicas: 0 };
  return { observedGeneration: 0, collisionCount: 0, conditions: [], ...zeros, ...status };
}
