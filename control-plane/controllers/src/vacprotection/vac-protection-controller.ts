import { ApiError, type KubeObject } from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { VolumeAttributesClass } from "@tsukube/api/types/storage-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { ATTRIBUTES_CLASSES, CLAIMS, type ControllerContext, VOLUMES } from "../context.ts";
import { changeProtection } from "../pvcprotection/plan.ts";
import { classesOfClaim, classesOfVolume } from "./classes.ts";

/** Keeps a VolumeAttributesClass that is deleted until no volume and no claim names it any more. */
export class VacProtectionController {
  readonly #context: ControllerContext;
  readonly #classes: Informer<VolumeAttributesClass>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #claims: Informer<PersistentVolumeClaim>;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { informers } = context;
    this.#classes = informers.informer<VolumeAttributesClass>(ATTRIBUTES_CLASSES);
    this.#volumes = informers.informer<PersistentVolume>(VOLUMES, { indexes: { attributesClass: classesOfVolume } });
    this.#claims = informers.informer<PersistentVolumeClaim>(CLAIMS, { indexes: { attributesClass: classesOfClaim } });
  }

  start(): void {
    const { clock, logger, lifetime } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "vac-protection";
    const { queue } = lifetime.own(name, startController({ name, clock, logger, reconcile }));
    const add = (one: VolumeAttributesClass): void => queue.add(keyOf(one));
    lifetime.add("classes", this.#classes.onChange({ added: add, updated: (_, one) => add(one) }));
    const left = <T extends KubeObject>(classesOf: (object: T) => readonly string[]) => {
      const release = (before: T): void => {
        for (const key of classesOf(before)) queue.add(key);
      };
      return { updated: release, deleted: release };
    };
    lifetime.add("volumes", this.#volumes.onChange(left(classesOfVolume)));
    lifetime.add("claims", this.#claims.onChange(left(classesOfClaim)));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const found = this.#classes.get(key);
    if (found === undefined) return SETTLED;
    const isUsed = (): boolean =>
      [this.#volumes, this.#claims].some((users) => users.byIndex("attributesClass", key).length > 0);
    const next = changeProtection(found, "kubernetes.io/vac-protection", isUsed);
    if (next === found) return SETTLED;
    try {
      const written = { ...next, apiVersion: "storage.k8s.io/v1", kind: "VolumeAttributesClass" };
      await this.#context.client.resource<VolumeAttributesClass>(ATTRIBUTES_CLASSES).update(written);
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }
}
