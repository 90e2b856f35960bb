import { ApiError } from "@tsukube/api";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, referenceTo, SETTLED, startController } from "@tsukube/client";
import { TsukubeError } from "@tsukube/foundation";
import { CLAIMS, type ControllerContext, PODS } from "../context.ts";
import { claimsOf } from "../pods/pod-volumes.ts";
import { plan } from "./plan.ts";

/** Makes the claim "POD-VOLUME" of each generic ephemeral volume (KEP-1698). Garbage collection removes it after the pod. */
export class EphemeralVolumeController {
  readonly #context: ControllerContext;
  readonly #pods: Informer<Pod>;
  readonly #claims: Informer<PersistentVolumeClaim>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#pods = context.informers.informer<Pod>(PODS, { indexes: { claim: claimsOf } });
    this.#claims = context.informers.informer<PersistentVolumeClaim>(CLAIMS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "ephemeral-volume";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "ephemeral_volume", clock, logger, queues, reconcile }),
    );
    const isConcerned = (pod: Pod): boolean =>
      (pod.spec?.volumes ?? []).some(({ ephemeral }) => ephemeral !== undefined);
    const added = (pod: Pod): void => (isConcerned(pod) ? queue.add(keyOf(pod)) : undefined);
    lifetime.add("pods", this.#pods.onChange({ added }));
    const deleted = (claim: PersistentVolumeClaim): void => {
      for (const pod of this.#pods.byIndex("claim", keyOf(claim))) added(pod);
    };
    lifetime.add("claims", this.#claims.onChange({ deleted }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const pod = this.#pods.get(key);
    if (pod === undefined) return SETTLED;
    const namespace = pod.metadata?.namespace ?? "";
    const { create, conflicts } = plan(pod, (name) => this.#claims.get(`${namespace}/${name}`));
    const tell = (message: string): void =>
      this.#context.events.event(referenceTo(pod, "v1", "Pod"), "Warning", "FailedBinding", message);
    for (const claim of create) {
      try {
        await this.#context.client.resource<PersistentVolumeClaim>(CLAIMS, namespace).create(claim);
      } catch (error) {
        if (ApiError.is(error, "AlreadyExists")) throw error; // the cache is behind: whose it is shows at the next look
        tell(`ephemeral volume: create PVC ${claim.metadata?.name}: ${(error as Error).message}`);
        throw error;
      }
    }
    const [conflict] = conflicts;
    if (conflict === undefined) return SETTLED;
    const { volume, claim } = conflict;
    const why = `PVC ${namespace}/${claim} was not created for pod ${key} (pod is not owner)`;
    tell(`ephemeral volume ${volume}: ${why}`);
    // in the way until somebody deletes it, which is a sign of its own
    throw new TsukubeError("conflict", `Cannot make ephemeral volume "${volume}" of pod "${key}": ${why}`);
  }
}
