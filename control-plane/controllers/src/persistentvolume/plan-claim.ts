import {
  BIND_COMPLETED,
  bestVolumeFor,
  isReservedFor,
  NO_PROVISIONER,
  SELECTED_NODE,
  storageClassOf,
  whyUnsuitable,
} from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";

/** What to tell the user about a claim or a volume. */
export interface Note {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
}

/** Everything that the decision about one claim depends on. */
export interface ClaimView {
  readonly claim: PersistentVolumeClaim;
  /** The one that `spec.volumeName` names, when there is such. */
  readonly volume: PersistentVolume | undefined;
  /** All there are, to choose from. */
  readonly volumes: readonly PersistentVolume[];
  /** The one that the claim names. */
  readonly storageClass: StorageClass | undefined;
  readonly defaultClass: StorageClass | undefined;
  /** Pods without a node that use the claim. */
  readonly waitingPods: readonly Pod[];
}

export type ClaimPlan =
  | { readonly type: "bind"; readonly volume: PersistentVolume }
  /** Give the claim its class: there was no default one when it was made. */
  | { readonly type: "assign-class"; readonly name: string }
  | { readonly type: "provision"; readonly provisioner: string; readonly note: Note }
  | { readonly type: "pend"; readonly note: Note | undefined }
  | { readonly type: "lost"; readonly note: Note };

/** Pure: what is next for a claim. Once it was bound it is never bound to another volume, whatever becomes of that one. */
export function planClaim(view: ClaimView): ClaimPlan {
  const { claim } = view;
  if (claim.metadata?.annotations?.[BIND_COMPLETED] !== undefined) return planBound(view);
  return (claim.spec?.volumeName ?? "") === "" ? planUnbound(view) : planNamed(view);
}

function planBound({ claim, volume }: ClaimView): ClaimPlan {
  const lost = (reason: string, message: string): ClaimPlan => ({
    type: "lost",
    note: { type: "Warning", reason, message },
  });
  if ((claim.spec?.volumeName ?? "") === "")
    return lost("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
  if (volume === undefined)
    return lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  const owner = volume.spec?.claimRef;
  if (owner === undefined || owner.uid === claim.metadata?.uid) return { type: "bind", volume };
  // somebody wrote the claim's name into the volume: that is this claim as long as no other one was meant
  if ((owner.uid ?? "") === "" && isReservedFor(volume, claim)) return { type: "bind", volume };
  return lost("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");
}

/** The user asks for one certain volume. */
function planNamed({ claim, volume }: ClaimView): ClaimPlan {
  if (volume === undefined) return { type: "pend", note: undefined }; // it may be made yet
  const name = volume.metadata?.name;
  const owner = volume.spec?.claimRef;
  const pend = (reason: string, message: string): ClaimPlan => ({
    type: "pend",
    note: { type: "Warning", reason, message },
  });
  if (owner === undefined) {
    const problem = whyUnsuitable(volume, claim);
    if (problem === undefined) return { type: "bind", volume };
    return pend("VolumeMismatch", `Cannot bind to requested volume "${name}": ${problem}`);
  }
  if (isReservedFor(volume, claim)) return { type: "bind", volume };
  return pend("FailedBinding", `volume "${name}" already bound to a different claim.`);
}

function planUnbound(view: ClaimView): ClaimPlan {
  const { claim, storageClass } = view;
  const isChosen = claim.metadata?.annotations?.[SELECTED_NODE] !== undefined;
  const waitsForNode = storageClass?.volumeBindingMode === "WaitForFirstConsumer" && !isChosen;
  const volume = bestVolumeFor(claim, view.volumes, { waitsForNode });
  if (volume !== undefined) return { type: "bind", volume };
  const className = storageClassOf(claim);
  if (claim.spec?.storageClassName === undefined && className === "" && view.defaultClass !== undefined)
    return { type: "assign-class", name: view.defaultClass.metadata?.name ?? "" };
  if (waitsForNode) return { type: "pend", note: waitingFor(view.waitingPods) };
  if (className !== "") return planProvisioning(className, storageClass);
  const message = "no persistent volumes available for this claim and no storage class is set";
  return { type: "pend", note: { type: "Normal", reason: "FailedBinding", message } };
}

function waitingFor(pods: readonly Pod[]): Note {
  if (pods.length === 0) {
    const message = "waiting for first consumer to be created before binding";
    return { type: "Normal", reason: "WaitForFirstConsumer", message };
  }
  const names = pods.map(({ metadata }) => metadata?.name ?? "").sort();
  const message =
    names.length === 1
      ? `waiting for pod ${names[0]} to be scheduled`
      : `waiting for pods ${names.join(",")} to be scheduled`;
  return { type: "Normal", reason: "WaitForPodScheduled", message };
}

function planProvisioning(className: string, storageClass: StorageClass | undefined): ClaimPlan {
  const fail = (message: string): ClaimPlan => ({
    type: "pend",
    note: { type: "Warning", reason: "ProvisioningFailed", message },
  });
  if (storageClass === undefined) return fail(`storageclass.storage.k8s.io "${className}" not found`);
  const { provisioner } = storageClass;
  // those names are of plugins inside Kubernetes, of which none is left; NO_PROVISIONER never was one
  if (provisioner === NO_PROVISIONER || provisioner.startsWith("kubernetes.io/"))
    return fail(`no volume plugin matched name: ${provisioner}`);
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system ` +
    "administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.";
  return { type: "provision", provisioner, note: { type: "Normal", reason: "ExternalProvisioning", message } };
}
