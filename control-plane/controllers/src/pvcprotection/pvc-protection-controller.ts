import { ApiError } from "@tsukube/api";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { CLAIMS, type ControllerContext, PODS } from "../context.ts";
import { claimsOf } from "../pods/pod-volumes.ts";
import { changeProtection, changeUnused, isInUse, isOver, isReferredTo } from "./plan.ts";

/** Keeps a claim that is deleted until no pod on a node uses it any more; tells of a bound one since when none refers to it. */
export class PvcProtectionController {
  readonly #context: ControllerContext;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #pods: Informer<Pod>;
  readonly #tellsUnused: boolean;

  constructor(context: ControllerContext, tellsUnused: boolean) {
    this.#context = context;
    this.#tellsUnused = tellsUnused;
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
    const changed = (pod: Pod): void => {
      for (const key of claimsOf(pod)) queue.add(key);
    };
    const updated = (before: Pod, pod: Pod): void => {
      if (isOver(before) !== isOver(pod)) changed(pod);
    };
    const following = this.#tellsUnused ? { added: changed, updated } : {};
    lifetime.add("pods", this.#pods.onChange({ ...following, deleted: changed }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const claim = this.#claims.get(key);
    if (claim === undefined || (await this.#tellUnused(claim))) return SETTLED;
    const next = changeProtection(claim, "kubernetes.io/pvc-protection", () =>
      isInUse(claim, this.#pods.byIndex("claim", key)),
    );
    if (next === claim || (isDeleted(claim) && isInUse(claim, await this.#podsNow(claim)))) return SETTLED;
    await this.#write("update", next);
    return SETTLED;
  }

  /** Whether the condition had to change: the claim comes back then. */
  async #tellUnused(claim: PersistentVolumeClaim): Promise<boolean> {
    if (!this.#tellsUnused || isDeleted(claim) || claim.status?.phase !== "Bound") return false;
    const now = this.#context.clock.now();
    const isReferred = isReferredTo(claim, this.#pods.byIndex("claim", keyOf(claim)));
    if (changeUnused(claim, isReferred, now) === claim) return false;
    const next = changeUnused(claim, isReferred || isReferredTo(claim, await this.#podsNow(claim)), now);
    if (next !== claim) await this.#write("updateStatus", next);
    return next !== claim;
  }

  /** The pods beside the claim that the server knows: one that the cache does not know yet may have reached its node. */
  async #podsNow(claim: PersistentVolumeClaim): Promise<readonly Pod[]> {
    return (await this.#context.client.resource<Pod>(PODS, claim.metadata?.namespace ?? "").list()).items;
  }

  async #write(verb: "update" | "updateStatus", claim: PersistentVolumeClaim): Promise<void> {
    try {
      const written = { ...claim, apiVersion: "v1", kind: "PersistentVolumeClaim" };
      await this.#context.client.resource<PersistentVolumeClaim>(CLAIMS)[verb](written);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }
}

function isDeleted(claim: PersistentVolumeClaim): boolean {
  return claim.metadata?.deletionTimestamp !== undefined;
}
