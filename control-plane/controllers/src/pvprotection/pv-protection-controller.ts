import { ApiError } from "@tsukube/api";
import type { PersistentVolume } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { type ControllerContext, VOLUMES } from "../context.ts";
import { changeProtection } from "../pvcprotection/plan.ts";

/** Keeps a volume that is deleted until it is bound to no claim any more. */
export class PvProtectionController {
  readonly #context: ControllerContext;
  readonly #volumes: Informer<PersistentVolume>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#volumes = context.informers.informer<PersistentVolume>(VOLUMES);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "pv-protection";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "pvprotection", clock, logger, queues, reconcile }),
    );
    const add = (volume: PersistentVolume): void => queue.add(keyOf(volume));
    lifetime.add("volumes", this.#volumes.onChange({ added: add, updated: (_, volume) => add(volume) }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const volume = this.#volumes.get(key);
    if (volume === undefined) return SETTLED;
    const isBound = (): boolean => volume.status?.phase === "Bound";
    const next = changeProtection(volume, "kubernetes.io/pv-protection", isBound);
    if (next === volume) return SETTLED;
    try {
      const written = { ...next, apiVersion: "v1", kind: "PersistentVolume" };
      await this.#context.client.resource<PersistentVolume>(VOLUMES).update(written);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }
}
