import { ApiError, type KubeObject, parseApiVersion } from "@tsukube/api";
import type { Deployment, ReplicaSet, StatefulSet } from "@tsukube/api/types/apps-v1";
import type { Scale } from "@tsukube/api/types/autoscaling-v1";
import type { Pod, ReplicationController } from "@tsukube/api/types/core-v1";
import type { OwnerReference } from "@tsukube/api/types/meta-v1";
import { controllerOf, type Informer } from "@tsukube/client";
import {
  type ControllerContext,
  DEPLOYMENTS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  STATEFUL_SETS,
} from "../context.ts";
import type { Workload } from "./plan.ts";

type Replicated = KubeObject & { readonly spec?: { readonly replicas?: number } };

/** Finds the workloads of pods: the usual ones in the cache, others by their scale subresource. */
export class Workloads {
  readonly #context: ControllerContext;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #deployments: Informer<Deployment>;
  readonly #statefulSets: Informer<StatefulSet>;
  readonly #replicationControllers: Informer<ReplicationController>;

  constructor(context: ControllerContext) {
    const { informers } = context;
    this.#context = context;
    this.#replicaSets = informers.informer<ReplicaSet>(REPLICA_SETS);
    this.#deployments = informers.informer<Deployment>(DEPLOYMENTS);
    this.#statefulSets = informers.informer<StatefulSet>(STATEFUL_SETS);
    this.#replicationControllers = informers.informer<ReplicationController>(REPLICATION_CONTROLLERS);
  }

  /** By the uid of the pods' controllers. @throws when one cannot be found, or does not say how many pods it wants. */
  async of(pods: readonly Pod[]): Promise<ReadonlyMap<string, Workload>> {
    const found = new Map<string, Workload>();
    for (const pod of pods) {
      const owner = controllerOf(pod);
      if (owner === undefined || found.has(owner.uid)) continue;
      const workload = await this.#find(owner, pod.metadata?.namespace ?? "");
      if (workload === undefined) throw new Error(`found no controllers for pod "${pod.metadata?.name}"`);
      found.set(owner.uid, workload);
    }
    return found;
  }

  async #find(owner: OwnerReference, namespace: string): Promise<Workload | undefined> {
    const { group } = parseApiVersion(owner.apiVersion);
    const key = `${namespace}/${owner.name}`;
    switch (`${group}/${owner.kind}`) {
      case "apps/ReplicaSet":
        return this.#ofReplicaSet(owner, key, namespace);
      case "apps/StatefulSet":
        return workloadOf(owner, this.#statefulSets.get(key));
      case "/ReplicationController":
        return workloadOf(owner, this.#replicationControllers.get(key));
      default:
        return this.#ofScale(owner, group, namespace);
    }
  }

  #ofReplicaSet(owner: OwnerReference, key: string, namespace: string): Workload | undefined {
    const set = this.#replicaSets.get(key);
    const above = set === undefined ? undefined : controllerOf(set);
    if (set?.metadata?.uid !== owner.uid || above?.kind !== "Deployment") return workloadOf(owner, set);
    return workloadOf(above, this.#deployments.get(`${namespace}/${above.name}`));
  }

  async #ofScale(owner: OwnerReference, group: string, namespace: string): Promise<Workload | undefined> {
    const resources = await this.#context.client.discover();
    const kind = resources.find((resource) => resource.group === group && resource.kind === owner.kind);
    if (kind === undefined) throw new Error(`no matches for kind "${owner.kind}" in group "${group}"`);
    if (!kind.subresources.includes("scale")) {
      const name = group === "" ? kind.resource : `${kind.resource}.${group}`;
      throw new Error(`${name} does not implement the scale subresource`);
    }
    const objects = this.#context.client.resource<KubeObject>(kind, namespace);
    try {
      return workloadOf(owner, await objects.getSubresource<Scale>(owner.name, "scale"));
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return undefined;
      throw error;
    }
  }
}

/** An owner of the same name with another uid is another one. */
function workloadOf(owner: OwnerReference, object: Replicated | undefined): Workload | undefined {
  if (object?.metadata?.uid !== owner.uid) return undefined;
  return { uid: owner.uid, replicas: object.spec?.replicas ?? 0 };
}
