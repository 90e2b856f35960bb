import { ApiError, jsonEqual, labelMatcherOf } from "@tsukube/api";
import type { Deployment, ReplicaSet } from "@tsukube/api/types/apps-v1";
import type { Pod, PodTemplateSpec } from "@tsukube/api/types/core-v1";
import {
  controllerOf,
  controllerReference,
  type Informer,
  isControlledBy,
  type Key,
  keyOf,
  type Outcome,
  SETTLED,
  startController,
} from "@tsukube/client";
import { type ControllerContext, DEPLOYMENTS, PODS, REPLICA_SETS } from "../context.ts";
import { isActive } from "../pods/pod-state.ts";
import { planCleanup, planRecreate, planRolling, REVISION, revisionOf, type Scaling, specOf } from "./plan.ts";
import { isComplete, statusOf } from "./status.ts";
import { templateHash } from "./template-hash.ts";

const HASH = "pod-template-hash";
const NOT_COPIED = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  REVISION,
  "deployment.kubernetes.io/revision-history",
  "deployment.kubernetes.io/desired-replicas",
  "deployment.kubernetes.io/max-replicas",
]);

/** Moves each Deployment's replicas to the ReplicaSet of its template, as fast as its strategy allows. */
export class DeploymentController {
  readonly #context: ControllerContext;
  readonly #deployments: Informer<Deployment>;
  readonly #sets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#deployments = context.informers.informer<Deployment>(DEPLOYMENTS);
    this.#sets = context.informers.informer<ReplicaSet>(REPLICA_SETS);
    this.#pods = context.informers.informer<Pod>(PODS);
  }

  start(): void {
    const { clock, logger, lifetime } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own("deployment", startController({ name: "deployment", clock, logger, reconcile }));
    const add = (deployment: Deployment): void => queue.add(keyOf(deployment));
    const owner = (set: ReplicaSet): void => {
      const reference = controllerOf(set);
      if (reference?.kind === "Deployment") queue.add(`${set.metadata?.namespace}/${reference.name}`);
    };
    lifetime.add("deployments", this.#deployments.onChange({ added: add, updated: (_, after) => add(after) }));
    lifetime.add("sets", this.#sets.onChange({ added: owner, updated: (_, after) => owner(after), deleted: owner }));
    const deleted = (pod: Pod): void => {
      const set = this.#sets.get(`${pod.metadata?.namespace}/${controllerOf(pod)?.name}`);
      if (set !== undefined) owner(set); // Recreate waits for the last one
    };
    lifetime.add("pods", this.#pods.onChange({ deleted }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const deployment = this.#deployments.get(key);
    if (deployment === undefined || deployment.metadata?.deletionTimestamp !== undefined) return SETTLED;
    const owned = this.#sets
      .byIndex("namespace", deployment.metadata?.namespace ?? "")
      .filter((set) => isControlledBy(set, deployment));
    const found = owned.find((set) => sameTemplate(set, deployment));
    const old = owned.filter((set) => set !== found);
    const oldPods = this.#podsOf(old);
    const paused = deployment.spec?.paused === true;
    const waits = deployment.spec?.strategy?.type === "Recreate" && (oldPods > 0 || old.some((set) => specOf(set) > 0));
    const current = found ?? (paused || waits ? undefined : await this.#create(deployment, old));
    const numbered = current === undefined || paused ? deployment : await this.#number(deployment, current, old);
    if (!paused) for (const scaling of this.#plan(deployment, current, old, oldPods)) await this.#scale(scaling);
    return this.#report(numbered, current, old);
  }

  #plan(
    deployment: Deployment,
    current: ReplicaSet | undefined,
    old: readonly ReplicaSet[],
    oldPods: number,
  ): readonly Scaling[] {
    if (current === undefined) return old.filter((set) => specOf(set) > 0).map((set) => ({ set, replicas: 0 }));
    if (deployment.spec?.strategy?.type === "Recreate") return planRecreate(deployment, current, old, oldPods);
    return planRolling(deployment, current, old);
  }

  async #create(deployment: Deployment, old: readonly ReplicaSet[]): Promise<ReplicaSet> {
    const { name = "", namespace = "" } = deployment.metadata ?? {};
    const template = deployment.spec?.template ?? {};
    const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
    const labels = { ...template.metadata?.labels, [HASH]: hash };
    const selector = deployment.spec?.selector;
    const made: ReplicaSet = {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels,
        annotations: annotationsOf(deployment, nextRevision(old)),
        ownerReferences: [controllerReference(deployment, "apps/v1", "Deployment")],
      },
      spec: {
        replicas: 0,
        minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
        selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    };
    const client = this.#context.client.resource<ReplicaSet>(REPLICA_SETS, namespace);
    try {
      return await client.create(made);
    } catch (error) {
      if (!ApiError.is(error, "AlreadyExists")) throw error;
      const present = await client.get(`${name}-${hash}`);
      if (isControlledBy(present, deployment) && sameTemplate(present, deployment)) return present;
      // Another template has this hash: count the collision, the next attempt hashes differently.
      const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
      const status = { ...deployment.status, collisionCount };
      await this.#context.client.resource<Deployment>(DEPLOYMENTS).updateStatus({ ...deployment, status });
      throw error;
    }
  }

  /** Gives the current set the highest revision, and the deployment the same: what `kubectl rollout` reads. */
  async #number(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): Promise<Deployment> {
    const revision = Math.max(nextRevision(old), revisionOf(current));
    if (revisionOf(current) !== revision) {
      const annotations = annotationsOf(deployment, revision);
      const client = this.#context.client.resource<ReplicaSet>(REPLICA_SETS, current.metadata?.namespace);
      await client.patch(current.metadata?.name ?? "", { type: "merge", body: { metadata: { annotations } } });
    }
    if (revisionOf(deployment) === revision) return deployment;
    const annotations = { ...deployment.metadata?.annotations, [REVISION]: String(revision) };
    const metadata = { ...deployment.metadata, annotations };
    return this.#context.client.resource<Deployment>(DEPLOYMENTS).update({ ...deployment, metadata });
  }

  async #scale({ set, replicas }: Scaling): Promise<void> {
    const { name = "", namespace, uid, resourceVersion } = set.metadata ?? {};
    const client = this.#context.client.resource<ReplicaSet>(REPLICA_SETS, namespace);
    const body = { metadata: { uid, resourceVersion }, spec: { replicas } };
    await client.patch(name, { type: "merge", body });
  }

  async #report(deployment: Deployment, current: ReplicaSet | undefined, old: readonly ReplicaSet[]): Promise<Outcome> {
    const { clock, client } = this.#context;
    const status = statusOf(deployment, current, old, clock.now());
    const complete = isComplete(deployment, status);
    if (complete) {
      const sets = client.resource<ReplicaSet>(REPLICA_SETS, deployment.metadata?.namespace);
      for (const { metadata } of planCleanup(deployment, old)) await sets.delete(metadata?.name ?? "");
    }
    const before: Readonly<Record<string, unknown>> = { ...deployment.status };
    if (Object.entries(status).some(([name, value]) => !jsonEqual(before[name] ?? 0, value))) {
      await client.resource<Deployment>(DEPLOYMENTS).updateStatus({ ...deployment, status });
    }
    const deadline = deployment.spec?.progressDeadlineSeconds ?? 600;
    return complete || deadline >= 2 ** 31 - 1 ? SETTLED : { recheckAfterMs: (deadline + 1) * 1000 };
  }

  #podsOf(sets: readonly ReplicaSet[]): number {
    const finished = (pod: Pod): boolean => !isActive(pod) && pod.metadata?.deletionTimestamp === undefined;
    const count = (set: ReplicaSet): number =>
      this.#pods
        .byIndex("namespace", set.metadata?.namespace ?? "")
        .filter((pod) => labelMatcherOf(set.spec?.selector).matches(pod.metadata?.labels))
        .filter((pod) => isControlledBy(pod, set) && !finished(pod)).length;
    return sets.reduce((total, set) => total + count(set), 0);
  }
}

function sameTemplate(set: ReplicaSet, deployment: Deployment): boolean {
  return jsonEqual(withoutHash(set.spec?.template ?? {}), withoutHash(deployment.spec?.template ?? {}));
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [HASH]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

function annotationsOf(deployment: Deployment, revision: number): Readonly<Record<string, string>> {
  const copied = Object.entries(deployment.metadata?.annotations ?? {}).filter(([name]) => !NOT_COPIED.has(name));
  return { ...Object.fromEntries(copied), [REVISION]: String(revision) };
}
