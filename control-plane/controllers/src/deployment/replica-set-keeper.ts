import { ApiError, jsonEqual, labelMatcherOf } from "@tsukube/api";
import type { Deployment, ReplicaSet } from "@tsukube/api/types/apps-v1";
import type { PodTemplateSpec } from "@tsukube/api/types/core-v1";
import {
  controllerOf,
  controllerReference,
  type EventType,
  isControlledBy,
  type ResourceClient,
  referenceTo,
} from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, DEPLOYMENTS, REPLICA_SETS } from "../context.ts";
import { annotationsOf, lacks, sizeAnnotations } from "./annotations.ts";
import { newSetSize, revisionOf, type Scaling, specOf } from "./plan.ts";
import { templateHash } from "./template-hash.ts";

const HASH = "pod-template-hash";

/** Writes the ReplicaSets of deployments, and tells in events what it did. */
export class ReplicaSetKeeper {
  readonly #context: ControllerContext;

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  /** The deployment's sets among `sets` (of its namespace): adopts matching orphans, releases those that no longer match. */
  async claim(deployment: Deployment, sets: readonly ReplicaSet[]): Promise<readonly ReplicaSet[]> {
    const matcher = labelMatcherOf(deployment.spec?.selector);
    const deleting = deployment.metadata?.deletionTimestamp !== undefined;
    const own = controllerReference(deployment, "apps/v1", "Deployment");
    const owned: ReplicaSet[] = [];
    for (const set of sets) {
      const matches = matcher.matches(set.metadata?.labels);
      if (isControlledBy(set, deployment)) {
        if (matches || deleting) owned.push(set);
        else await this.#setOwner(set, { $patch: "delete", uid: own.uid });
      } else if (matches && !deleting && isOrphan(set)) owned.push(await this.#setOwner(set, own));
    }
    return owned;
  }

  /**
   * Makes the set of the deployment's present template, of the size that the strategy allows at once.
   * @throws {ApiError} `AlreadyExists` after a collision of hashes was counted in the deployment's status.
   */
  async create(deployment: Deployment, old: readonly ReplicaSet[], revision: bigint): Promise<ReplicaSet> {
    const made = this.#setOf(deployment, old, revision);
    const name = made.metadata?.name ?? "";
    try {
      const set = await this.#sets(deployment).create(made);
      if (specOf(set) > 0) this.#scaled(deployment, name, 0, specOf(set));
      return set;
    } catch (error) {
      if (ApiError.is(error, "AlreadyExists")) return this.#resolveCollision(deployment, name, error);
      const message = `Failed to create new replica set "${name}": ${messageOf(error)}`;
      this.#event(deployment, "Warning", "ReplicaSetCreateError", message);
      throw error;
    }
  }

  /** Gives the set of the present template its revision, the deployment's annotations and minReadySeconds. */
  async align(deployment: Deployment, current: ReplicaSet, revision: bigint): Promise<ReplicaSet> {
    const annotations = annotationsOf(deployment, revision, current);
    const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
    if (!lacks(current, annotations) && (current.spec?.minReadySeconds ?? 0) === minReadySeconds) return current;
    return this.#patch(current, { metadata: { annotations }, spec: { minReadySeconds } });
  }

  /** Sets the size, and for which size of the deployment it is. */
  async scale(deployment: Deployment, { set, replicas }: Scaling): Promise<ReplicaSet> {
    const annotations = sizeAnnotations(deployment);
    const before = specOf(set);
    if (before === replicas && !lacks(set, annotations)) return set;
    const scaled = await this.#patch(set, { metadata: { annotations }, spec: { replicas } });
    if (before !== replicas) this.#scaled(deployment, set.metadata?.name ?? "", before, replicas);
    return scaled;
  }

  async remove(set: ReplicaSet): Promise<void> {
    const { name = "", uid = "" } = set.metadata ?? {};
    try {
      await this.#sets(set).delete(name, { preconditions: { uid } });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }

  #setOf(deployment: Deployment, old: readonly ReplicaSet[], revision: bigint): ReplicaSet {
    const { name = "", namespace } = deployment.metadata ?? {};
    const { template = {}, selector, minReadySeconds = 0 } = deployment.spec ?? {};
    const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
    const labels = { ...template.metadata?.labels, [HASH]: hash };
    return {
      apiVersion: "apps/v1",
      kind: "ReplicaSet",
      metadata: {
        name: `${name}-${hash}`,
        ...(namespace === undefined ? {} : { namespace }),
        labels,
        annotations: { ...annotationsOf(deployment, revision), ...sizeAnnotations(deployment) },
        ownerReferences: [controllerReference(deployment, "apps/v1", "Deployment")],
      },
      spec: {
        replicas: newSetSize(deployment, old),
        minReadySeconds,
        selector: { ...selector, matchLabels: { ...selector?.matchLabels, [HASH]: hash } },
        template: { ...template, metadata: { ...template.metadata, labels } },
      },
    };
  }

  /** The name is taken: by this very set, which the cache did not show yet, or by one of another template. */
  async #resolveCollision(deployment: Deployment, name: string, error: unknown): Promise<ReplicaSet> {
    const present = await this.#sets(deployment).get(name);
    if (isControlledBy(present, deployment) && isOfTemplate(present, deployment)) return present;
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    const status = { ...deployment.status, collisionCount };
    await this.#context.client.resource<Deployment>(DEPLOYMENTS).updateStatus({ ...deployment, status });
    throw error; // the next attempt hashes differently
  }

  #setOwner(set: ReplicaSet, reference: object): Promise<ReplicaSet> {
    const { name = "", uid } = set.metadata ?? {};
    const body = { metadata: { uid, ownerReferences: [reference] } };
    return this.#sets(set).patch(name, { type: "strategic", body });
  }

  /** Only the set that was seen: with its uid and version. */
  #patch(set: ReplicaSet, { metadata, spec }: { metadata: object; spec: object }): Promise<ReplicaSet> {
    const { name = "", uid, resourceVersion } = set.metadata ?? {};
    const body = { metadata: { ...metadata, uid, resourceVersion }, spec };
    return this.#sets(set).patch(name, { type: "merge", body });
  }

  #scaled(deployment: Deployment, name: string, before: number, replicas: number): void {
    const message = `Scaled ${replicas > before ? "up" : "down"} replica set ${name} from ${before} to ${replicas}`;
    this.#event(deployment, "Normal", "ScalingReplicaSet", message);
  }

  #event(deployment: Deployment, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(deployment, "apps/v1", "Deployment"), type, reason, message);
  }

  #sets(object: Deployment | ReplicaSet): ResourceClient<ReplicaSet> {
    return this.#context.client.resource<ReplicaSet>(REPLICA_SETS, object.metadata?.namespace);
  }
}

/** Whether the set has the deployment's present template. */
export function isOfTemplate(set: ReplicaSet, deployment: Deployment): boolean {
  return jsonEqual(withoutHash(set.spec?.template ?? {}), withoutHash(deployment.spec?.template ?? {}));
}

/** One more than the highest revision of the other sets. */
export function nextRevision(old: readonly ReplicaSet[]): bigint {
  let highest = 0n;
  for (const set of old) if (revisionOf(set) > highest) highest = revisionOf(set);
  return highest + 1n;
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [HASH]: _, ...labels } = template.metadata?.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

function isOrphan(set: ReplicaSet): boolean {
  return controllerOf(set) === undefined && set.metadata?.deletionTimestamp === undefined;
}
