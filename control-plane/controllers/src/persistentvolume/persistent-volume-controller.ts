import { ApiError, boundVolume, defaultClassOf, storageClassOf } from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import {
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  type RunningController,
  referenceTo,
  SETTLED,
  startController,
} from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { CLAIMS, type ControllerContext, PODS, STORAGE_CLASSES, VOLUMES } from "../context.ts";
import { claimsOf } from "../pods/pod-volumes.ts";
import { boundClaim, claimInPhase, provisionedBy, unboundVolume, volumeInPhase } from "./binding.ts";
import { type ClaimPlan, type Note, planClaim } from "./plan-claim.ts";
import { planVolume } from "./plan-volume.ts";

/** A claim that waits says so again this often: events end after an hour. */
const REMIND_MS = 300_000;

/**
 * Binds PersistentVolumeClaims to PersistentVolumes, one to one and for good. Claims and volumes each have one worker; every
 * write carries a resourceVersion, so what was decided on a stale cache fails and is decided again.
 */
export class PersistentVolumeController {
  readonly #context: ControllerContext;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#claims = context.informers.informer<PersistentVolumeClaim>(CLAIMS);
    this.#volumes = context.informers.informer<PersistentVolume>(VOLUMES);
    this.#classes = context.informers.informer<StorageClass>(STORAGE_CLASSES);
    this.#pods = context.informers.informer<Pod>(PODS, { indexes: { claim: claimsOf } });
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const run = (name: string, reconcile: (key: Key) => Promise<Outcome>): RunningController["queue"] =>
      lifetime.own(name, startController({ name, clock, logger, queues, reconcile, workers: 1 })).queue;
    const claims = run("persistentvolumeclaims", (key) => this.reconcileClaim(key));
    const volumes = run("persistentvolumes", (key) => this.reconcileVolume(key));
    const claim = (object: PersistentVolumeClaim): void => {
      claims.add(keyOf(object));
      const { volumeName = "" } = object.spec ?? {};
      if (volumeName !== "") volumes.add(volumeName);
    };
    lifetime.add("claims", this.#claims.onChange({ added: claim, updated: (_, now) => claim(now), deleted: claim }));
    const volume = (object: PersistentVolume): void => {
      volumes.add(keyOf(object));
      for (const key of this.#interestedIn(object)) claims.add(key);
    };
    lifetime.add(
      "volumes",
      this.#volumes.onChange({ added: volume, updated: (_, now) => volume(now), deleted: volume }),
    );
    const unbound = (): void => {
      for (const object of this.#claims.list()) if ((object.spec?.volumeName ?? "") === "") claims.add(keyOf(object));
    };
    lifetime.add("classes", this.#classes.onChange({ added: unbound, updated: unbound }));
  }

  async reconcileClaim(key: Key): Promise<Outcome> {
    const claim = this.#claims.get(key);
    if (claim === undefined) return SETTLED; // its volume sees to itself
    const plan = planClaim({
      claim,
      volume: await this.#namedBy(claim),
      volumes: this.#volumes.list(),
      storageClass: this.#classes.get(storageClassOf(claim)),
      defaultClass: defaultClassOf(this.#classes.list()),
      waitingPods: this.#pods.byIndex("claim", key).filter(({ spec }) => (spec?.nodeName ?? "") === ""),
    });
    await this.#applyToClaim(claim, plan);
    return "note" in plan && plan.note !== undefined && plan.type !== "lost" ? { recheckAfterMs: REMIND_MS } : SETTLED;
  }

  async reconcileVolume(key: Key): Promise<Outcome> {
    const volume = this.#volumes.get(key);
    if (volume === undefined) return SETTLED;
    const plan = planVolume(volume, await this.#ownerOf(volume));
    const now = formatTime(this.#context.clock.now());
    switch (plan.type) {
      case "phase":
        await this.#writeVolumeStatus(volumeInPhase(volume, plan.phase, now), volume);
        return SETTLED;
      case "wait":
        if (plan.note !== undefined) this.#tell(volume, "PersistentVolume", plan.note);
        return SETTLED;
      case "fail":
        await this.#writeVolumeStatus(volumeInPhase(volume, "Failed", now, plan.note.message), volume);
        this.#tell(volume, "PersistentVolume", plan.note);
        return SETTLED;
      case "unbind":
        await this.#writeVolume(unboundVolume(volume), volume);
        return SETTLED;
    }
  }

  async #applyToClaim(claim: PersistentVolumeClaim, plan: ClaimPlan): Promise<void> {
    switch (plan.type) {
      case "bind":
        return this.#bind(claim, plan.volume);
      case "assign-class":
        await this.#writeClaim({ ...claim, spec: { ...claim.spec, storageClassName: plan.name } }, claim);
        return;
      case "provision": {
        const asked = await this.#writeClaim(provisionedBy(claim, plan.provisioner), claim);
        this.#tell(claim, "PersistentVolumeClaim", plan.note);
        await this.#writeClaimStatus(claimInPhase(asked, "Pending"), asked);
        return;
      }
      case "pend":
        if (plan.note !== undefined) this.#tell(claim, "PersistentVolumeClaim", plan.note);
        await this.#writeClaimStatus(claimInPhase(claim, "Pending"), claim);
        return;
      case "lost":
        if (claim.status?.phase !== "Lost") this.#tell(claim, "PersistentVolumeClaim", plan.note);
        await this.#writeClaimStatus(claimInPhase(claim, "Lost"), claim);
    }
  }

  /** Four writes; whichever is the last that succeeds, the next look goes on from there. */
  async #bind(claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> {
    const now = formatTime(this.#context.clock.now());
    const reserved = await this.#writeVolume(boundVolume(volume, claim), volume);
    await this.#writeVolumeStatus(volumeInPhase(reserved, "Bound", now), reserved);
    const bound = await this.#writeClaim(boundClaim(claim, volume), claim);
    await this.#writeClaimStatus(claimInPhase(bound, "Bound", volume), bound);
  }

  /** The volume that a claim names. The caches are filled apart: before it counts as lost, the server is asked. */
  async #namedBy(claim: PersistentVolumeClaim): Promise<PersistentVolume | undefined> {
    const { volumeName = "" } = claim.spec ?? {};
    if (volumeName === "") return undefined;
    const known = this.#volumes.get(volumeName);
    return known ?? orUndefined(this.#context.client.resource<PersistentVolume>(VOLUMES).get(volumeName));
  }

  /** The claim that a volume names; one of the same name made later is another. Asked for before the volume is let go. */
  async #ownerOf(volume: PersistentVolume): Promise<PersistentVolumeClaim | undefined> {
    const { namespace = "", name = "", uid = "" } = volume.spec?.claimRef ?? {};
    if (uid === "") return undefined;
    const isOwner = (claim: PersistentVolumeClaim | undefined): boolean => claim?.metadata?.uid === uid;
    const known = this.#claims.get(`${namespace}/${name}`);
    if (isOwner(known)) return known;
    const live = await orUndefined(this.#context.client.resource<PersistentVolumeClaim>(CLAIMS, namespace).get(name));
    return isOwner(live) ? live : undefined;
  }

  /** Claims that a change of the volume may help or harm. */
  #interestedIn(volume: PersistentVolume): readonly Key[] {
    const { claimRef } = volume.spec ?? {};
    if (claimRef !== undefined) return [`${claimRef.namespace}/${claimRef.name}`];
    const name = volume.metadata?.name;
    return this.#claims
      .list()
      .filter((claim) => {
        const { volumeName = "" } = claim.spec ?? {};
        return volumeName === name || (volumeName === "" && storageClassOf(claim) === storageClassOf(volume));
      })
      .map(keyOf);
  }

  #tell(about: PersistentVolume | PersistentVolumeClaim, kind: string, { type, reason, message }: Note): void {
    this.#context.events.event(referenceTo(about, "v1", kind), type, reason, message);
  }

  async #writeVolume(next: PersistentVolume, before: PersistentVolume): Promise<PersistentVolume> {
    if (next === before) return before;
    return this.#context.client.resource<PersistentVolume>(VOLUMES).update({ ...next, ...VOLUME });
  }

  async #writeVolumeStatus(next: PersistentVolume, before: PersistentVolume): Promise<PersistentVolume> {
    if (next === before) return before;
    return this.#context.client.resource<PersistentVolume>(VOLUMES).updateStatus({ ...next, ...VOLUME });
  }

  async #writeClaim(next: PersistentVolumeClaim, before: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
    if (next === before) return before;
    return this.#context.client.resource<PersistentVolumeClaim>(CLAIMS).update({ ...next, ...CLAIM });
  }

  async #writeClaimStatus(next: PersistentVolumeClaim, before: PersistentVolumeClaim): Promise<void> {
    if (next === before) return;
    await this.#context.client.resource<PersistentVolumeClaim>(CLAIMS).updateStatus({ ...next, ...CLAIM });
  }
}

const VOLUME = { apiVersion: "v1", kind: "PersistentVolume" };
const CLAIM = { apiVersion: "v1", kind: "PersistentVolumeClaim" };

async function orUndefined<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (ApiError.is(error, "NotFound")) return undefined;
    throw error;
  }
}
