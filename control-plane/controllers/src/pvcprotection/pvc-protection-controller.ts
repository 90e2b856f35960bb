import { ApiError } from "@tsukube/api";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { CLAIMS, type ControllerContext, PODS } from "../context.ts";
import { claimsOf } from "../pods/pod-volumes.ts";
import { changeProtection, isInUse } from "./plan.ts";

/** Keeps a claim that is deleted until no pod on a node uses it any more. */
export class PvcProtectionController {
  readonly #context: ControllerContext;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#claims = context.informers.informer<PersistentVolumeClaim>(CLAIMS);
    this.#pods = context.informers.informer<Pod>(PODS, { indexes: { claim: claimsOf } });
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "pvc-protection";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "pvcprotection", clock, logger, queues, reconcile }),
    );
    const add = (claim: PersistentVolumeClaim): void => queue.add(keyOf(claim));
    lifetime.add("claims", this.#claims.onChange({ added: add, updated: (_, claim) => add(claim) }));
    const deleted = (pod: Pod): void => {
      for (const key of claimsOf(pod)) queue.add(key);
    };
    lifetime.add("pods", this.#pods.onChange({ deleted }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const claim = this.#claims.get(key);
    if (claim === undefined) return SETTLED;
    const next = changeProtection(claim, "kubernetes.io/pvc-protection", () =>
      isInUse(claim, this.#pods.byIndex("claim", key)),
    );
    if (next === claim || (isDeleted(claim) && (await this.#isReallyInUse(claim)))) return SETTLED;
    try {
      const written = { ...next, apiVersion: "v1", kind: "PersistentVolumeClaim" };
      await this.#context.client.resource<PersistentVolumeClaim>(CLAIMS).update(written);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }

  /** A pod that the cache does not know yet may have reached its node: before the claim is let go, the server is asked. */
  async #isReallyInUse(claim: PersistentVolumeClaim): Promise<boolean> {
    const { items } = await this.#context.client.resource<Pod>(PODS, claim.metadata?.namespace ?? "").list();
    return isInUse(claim, items);
  }
}

function isDeleted(claim: PersistentVolumeClaim): boolean {
  return claim.metadata?.deletionTimestamp !== undefined;
}
