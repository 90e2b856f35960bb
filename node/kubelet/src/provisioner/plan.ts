import { BETA_STORAGE_PROVISIONER, PROVISIONED_BY, SELECTED_NODE, STORAGE_PROVISIONER } from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";

/** What StorageClasses call this provisioner. */
export const PROVISIONER = "tsukube.dev/directory";
/** Keeps a volume until its folder is gone, also when it is deleted before its claim. */
export const FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer";
const HOSTNAME = "kubernetes.io/hostname";

export type ClaimPlan =
  | { readonly type: "ignore" }
  | { readonly type: "refuse"; readonly why: string }
  | { readonly type: "provision"; readonly volume: PersistentVolume };

/**
 * Pure: the volume for a claim, when this node is asked for one.
 * @param pathOf The folder of a volume, by the volume's name.
 */
export function planClaim(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass | undefined,
  nodeName: string,
  pathOf: (name: string) => string,
): ClaimPlan {
  if (storageClass?.provisioner !== PROVISIONER || !isAsked(claim, storageClass, nodeName)) return { type: "ignore" };
  const why = whyNot(claim, storageClass);
  if (why !== undefined) return { type: "refuse", why };
  const { name = "", namespace = "", uid = "", resourceVersion = "" } = claim.metadata ?? {};
  const volumeName = `pvc-${uid}`;
  return {
    type: "provision",
    volume: {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: {
        name: volumeName,
        annotations: { [PROVISIONED_BY]: PROVISIONER },
        finalizers: storageClass.reclaimPolicy === "Retain" ? [] : [FINALIZER],
      },
      spec: {
        capacity: { storage: claim.spec?.resources?.requests?.["storage"] ?? "0" },
        accessModes: claim.spec?.accessModes ?? [],
        persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? "Delete",
        storageClassName: storageClass.metadata?.name ?? "",
        volumeMode: "Filesystem",
        claimRef: { kind: "PersistentVolumeClaim", apiVersion: "v1", namespace, name, uid, resourceVersion },
        local: { path: pathOf(volumeName) },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME, operator: "In", values: [nodeName] }] }],
          },
        },
      },
    },
  };
}

/** The binder asks for a volume; where the class waits for a consumer, the scheduler must have chosen this node. */
function isAsked(claim: PersistentVolumeClaim, storageClass: StorageClass, nodeName: string): boolean {
  const { annotations = {}, deletionTimestamp } = claim.metadata ?? {};
  if (deletionTimestamp !== undefined || (claim.spec?.volumeName ?? "") !== "") return false;
  if ((annotations[STORAGE_PROVISIONER] ?? annotations[BETA_STORAGE_PROVISIONER]) !== PROVISIONER) return false;
  const selected = annotations[SELECTED_NODE];
  if (selected !== undefined) return selected === nodeName;
  return storageClass.volumeBindingMode !== "WaitForFirstConsumer";
}

function whyNot({ spec }: PersistentVolumeClaim, { parameters, mountOptions }: StorageClass): string | undefined {
  if (spec?.volumeMode === "Block") return "a folder cannot be a block device, expected volumeMode Filesystem";
  if (spec?.selector !== undefined) return "claim.spec.selector is not supported, expected none";
  if (spec?.dataSource !== undefined || spec?.dataSourceRef !== undefined)
    return "claim.spec.dataSource is not supported, expected none: fill the volume from a pod";
  if ((spec?.volumeAttributesClassName ?? "") !== "")
    return "claim.spec.volumeAttributesClassName is not supported, expected none";
  const [parameter] = Object.keys(parameters ?? {});
  if (parameter !== undefined) return `parameter "${parameter}" of the StorageClass is not known, expected none`;
  if ((mountOptions ?? []).length > 0) return "mountOptions of the StorageClass are not supported, expected none";
  return undefined;
}

export type VolumePlan =
  | { readonly type: "ignore" }
  /** Remove the folder, then the volume. */
  | { readonly type: "remove" }
  | { readonly type: "finalizers"; readonly finalizers: readonly string[] };

/** Pure: what becomes of a volume that this node made. Folders of policy Retain stay when their volumes go. */
export function planVolume(volume: PersistentVolume, nodeName: string): VolumePlan {
  if (!isFromHere(volume, nodeName)) return { type: "ignore" };
  const { finalizers = [], deletionTimestamp } = volume.metadata ?? {};
  const isHeld = finalizers.includes(FINALIZER);
  if (volume.spec?.persistentVolumeReclaimPolicy !== "Delete") {
    const others = finalizers.filter((each) => each !== FINALIZER);
    return isHeld ? { type: "finalizers", finalizers: others } : { type: "ignore" };
  }
  const phase = volume.status?.phase;
  const isLetGo = phase === "Released" || phase === "Failed";
  if (deletionTimestamp !== undefined) return isHeld && phase !== "Bound" ? { type: "remove" } : { type: "ignore" };
  if (isLetGo) return { type: "remove" };
  return isHeld ? { type: "ignore" } : { type: "finalizers", finalizers: [...finalizers, FINALIZER] };
}

/** Whether this provisioner made the volume, on this node. */
export function isFromHere({ metadata, spec }: PersistentVolume, nodeName: string): boolean {
  if (metadata?.annotations?.[PROVISIONED_BY] !== PROVISIONER) return false;
  return (spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []).some((term) =>
    term.matchExpressions?.some(({ key, values }) => key === HOSTNAME && values?.includes(nodeName) === true),
  );
}
