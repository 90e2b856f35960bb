import { ApiError } from "@tsukube/api";
import type { StatefulSet } from "@tsukube/api/types/apps-v1";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { type EventType, type Informer, keyOf, type ResourceClient, referenceTo } from "@tsukube/client";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import { CLAIMS, type ControllerContext, PODS } from "../context.ts";
import { claimsFor, plannedOwners, strangerOf } from "./claims.ts";
import { isWanted, ordinalOf } from "./ordinals.ts";
import { identityLabels } from "./stateful-pod.ts";

/** A claim that a pod needs is on its way out: a pod made now would lose it. */
class ClaimTerminatingError extends TsukubeError<"claim-terminating"> {}

/** Writes the pods of StatefulSets and their claims, and tells in events what it did. */
export class PodKeeper {
  readonly #context: ControllerContext;
  readonly #claims: Informer<PersistentVolumeClaim>;

  constructor(context: ControllerContext, claims: Informer<PersistentVolumeClaim>) {
    this.#context = context;
    this.#claims = claims;
  }

  /** Makes the pod's claims, then the pod. @throws {ApiError} `AlreadyExists` while another pod has the name. */
  async create(set: StatefulSet, pod: Pod): Promise<void> {
    try {
      await this.#ensureClaims(set, pod);
      await this.#pods(set).create(pod);
    } catch (error) {
      if (!ApiError.is(error, "AlreadyExists")) this.#failed(set, "create", pod, error);
      throw error;
    }
    this.#succeeded(set, "create", pod);
  }

  async remove(set: StatefulSet, pod: Pod): Promise<void> {
    const { name = "", uid = "" } = pod.metadata ?? {};
    try {
      await this.#pods(set).delete(name, { preconditions: { uid } });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) this.#failed(set, "delete", pod, error);
      throw error;
    }
    this.#succeeded(set, "delete", pod);
  }

  /** Gives the pod the labels of its identity, makes claims that it waits for, and lets them be owned as the set's policy says. */
  async tend(set: StatefulSet, pod: Pod): Promise<void> {
    const { name = "", uid, labels } = pod.metadata ?? {};
    const wanted = identityLabels(name, ordinalOf(set, pod) ?? 0);
    try {
      if (pod.status?.phase === "Pending") await this.#ensureClaims(set, pod);
      else await this.#ownClaims(set, pod);
      if (Object.entries(wanted).every(([label, value]) => labels?.[label] === value)) return;
      await this.#pods(set).patch(name, { type: "strategic", body: { metadata: { uid, labels: wanted } } });
    } catch (error) {
      this.#failed(set, "update", pod, error);
      throw error;
    }
    this.#succeeded(set, "update", pod);
  }

  async #ensureClaims(set: StatefulSet, pod: Pod): Promise<void> {
    const ordinal = ordinalOf(set, pod) ?? 0;
    for (const claim of claimsFor(set, ordinal)) {
      const present = this.#claims.get(keyOf(claim));
      if (present !== undefined) await this.#reuse(set, ordinal, pod, present);
      else if (isWanted(set, ordinal)) await this.#createClaim(set, ordinal, pod, claim);
    }
  }

  async #ownClaims(set: StatefulSet, pod: Pod): Promise<void> {
    const ordinal = ordinalOf(set, pod) ?? 0;
    for (const claim of claimsFor(set, ordinal)) {
      const present = this.#claims.get(keyOf(claim));
      if (present !== undefined) await this.#own(set, ordinal, pod, present);
    }
  }

  async #reuse(set: StatefulSet, ordinal: number, pod: Pod, claim: PersistentVolumeClaim): Promise<void> {
    const { name, deletionTimestamp } = claim.metadata ?? {};
    if (deletionTimestamp !== undefined && pod.metadata?.uid === undefined)
      throw new ClaimTerminatingError(
        "claim-terminating",
        `Cannot use claim "${name}" for pod "${pod.metadata?.name}": it is being deleted; the pod is made once it is gone`,
      );
    await this.#own(set, ordinal, pod, claim);
  }

  async #own(set: StatefulSet, ordinal: number, pod: Pod, claim: PersistentVolumeClaim): Promise<void> {
    const stranger = strangerOf(set, pod, claim);
    const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
    if (stranger !== undefined && (whenDeleted === "Delete" || whenScaled === "Delete")) {
      const message = `Claim ${claim.metadata?.name} has a controller other than the StatefulSet, ${stranger.kind} ${stranger.name}; its retention policy is not applied`;
      this.#event(set, "Warning", "ConflictingController", message);
    }
    const ownerReferences = plannedOwners(set, ordinal, pod, claim);
    if (ownerReferences === undefined) return;
    await this.#client(set).update({ ...claim, metadata: { ...claim.metadata, ownerReferences } });
  }

  async #createClaim(set: StatefulSet, ordinal: number, pod: Pod, claim: PersistentVolumeClaim): Promise<void> {
    const ownerReferences = plannedOwners(set, ordinal, pod, claim);
    const name = claim.metadata?.name;
    const where = `Pod ${pod.metadata?.name} in StatefulSet ${set.metadata?.name}`;
    try {
      const metadata = { ...claim.metadata, ...(ownerReferences === undefined ? {} : { ownerReferences }) };
      await this.#client(set).create({ ...claim, metadata });
    } catch (error) {
      if (!ApiError.is(error, "AlreadyExists"))
        this.#event(
          set,
          "Warning",
          "FailedCreate",
          `Create Claim ${name} for ${where} failed error: ${messageOf(error)}`,
        );
      throw error;
    }
    this.#event(set, "Normal", "SuccessfulCreate", `Create Claim ${name} ${where} success`);
  }

  #succeeded(set: StatefulSet, verb: Verb, pod: Pod): void {
    const message = `${capitalized(verb)} Pod ${pod.metadata?.name} in StatefulSet ${set.metadata?.name} successful`;
    this.#event(set, "Normal", `Successful${capitalized(verb)}`, message);
  }

  #failed(set: StatefulSet, verb: Verb, pod: Pod, error: unknown): void {
    const message = `${capitalized(verb)} Pod ${pod.metadata?.name} in StatefulSet ${set.metadata?.name} failed error: ${messageOf(error)}`;
    this.#event(set, "Warning", `Failed${capitalized(verb)}`, message);
  }

  #event(set: StatefulSet, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(set, "apps/v1", "StatefulSet"), type, reason, message);
  }

  #pods(set: StatefulSet): ResourceClient<Pod> {
    return this.#context.client.resource<Pod>(PODS, set.metadata?.namespace);
  }

  #client(set: StatefulSet): ResourceClient<PersistentVolumeClaim> {
    return this.#context.client.resource<PersistentVolumeClaim>(CLAIMS, set.metadata?.namespace);
  }
}

type Verb = "create" | "delete" | "update";

function capitalized(verb: Verb): string {
  return verb[0]!.toUpperCase() + verb.slice(1);
}
