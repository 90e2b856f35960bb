import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
} from "../../generated/types/core-v1.ts";
import type { CSIDriver, CSIStorageCapacity, StorageClass } from "../../generated/types/storage-v1.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import { byteFractions } from "./byte-fractions.ts";
import { nodeTermWarnings, OLD_NODE_LABELS } from "./node-labels.ts";
import { OLD_VOLUMES } from "./old-volumes.ts";

/** Old volume plugins that upstream warns of in PersistentVolumes, in its order. */
const OLD_PERSISTENT = ["cephfs", "photonPersistentDisk", "scaleIO", "storageos", "glusterfs", "rbd"] as const;

const STORAGE_CLASS = "volume.beta.kubernetes.io/storage-class";
const OLD_ANNOTATIONS: Readonly<Record<string, string>> = {
  [STORAGE_CLASS]: 'deprecated since v1.8; use "storageClassName" attribute instead',
  "volume.beta.kubernetes.io/mount-options": 'deprecated since v1.31; use "mountOptions" attribute instead',
};

export function persistentVolumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return [
    ...Object.entries(OLD_ANNOTATIONS).flatMap(([key, why]) =>
      metadata?.annotations?.[key] === undefined ? [] : [`metadata.annotations[${key}]: ${why}`],
    ),
    ...(spec?.persistentVolumeReclaimPolicy === "Recycle"
      ? [
          "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.",
        ]
      : []),
    ...terms.flatMap((term, index) => nodeTermWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`)),
    ...OLD_PERSISTENT.flatMap((source) => {
      const [, why] = OLD_VOLUMES.find(([name]) => name === source) ?? [];
      return spec?.[source] ? [`spec.${source === "storageos" ? "storageOS" : source}: ${why}`] : [];
    }),
  ];
}

export function claimWarnings({ metadata, spec }: PersistentVolumeClaim): string[] {
  const old = metadata?.annotations?.[STORAGE_CLASS] === undefined ? [] : [OLD_ANNOTATIONS[STORAGE_CLASS]];
  return [...old.map((why) => `metadata.annotations[${STORAGE_CLASS}]: ${why}`), ...claimSpecWarnings(spec, "spec")];
}

export function claimSpecWarnings(spec: PersistentVolumeClaimSpec | undefined, at: string): string[] {
  const { requests, limits } = spec?.resources ?? {};
  return [
    ...byteFractions(requests, `${at}.resources.requests`, ["storage"]),
    ...byteFractions(limits, `${at}.resources.limits`, ["storage"]),
  ];
}

export function storageClassWarnings({ allowedTopologies }: StorageClass): string[] {
  return (allowedTopologies ?? []).flatMap(({ matchLabelExpressions }, index) =>
    (matchLabelExpressions ?? []).flatMap(({ key }, place) => {
      const at = `allowedTopologies[${index}].matchLabelExpressions[${place}].key`;
      return OLD_NODE_LABELS[key] === undefined ? [] : [`${at}: ${OLD_NODE_LABELS[key]}`];
    }),
  );
}

export function storageCapacityWarnings({ nodeTopology }: CSIStorageCapacity): string[] {
  const labels = Object.keys(nodeTopology?.matchLabels ?? {}).filter((label) => OLD_NODE_LABELS[label] !== undefined);
  return [
    ...nodeTermWarnings({ matchExpressions: nodeTopology?.matchExpressions ?? [] } as never, "nodeTopology"),
    ...labels.map((label) => `nodeTopology.matchLabels.${label}: ${OLD_NODE_LABELS[label]}`),
  ];
}

export function driverWarnings({ spec }: CSIDriver, old: CSIDriver | undefined): string[] {
  const requests = spec.tokenRequests ?? [];
  if (requests.length === 0 || (spec.serviceAccountTokenInSecrets ?? undefined) !== undefined) return [];
  if (old !== undefined && jsonEqual(requests as never, (old.spec.tokenRequests ?? []) as never)) return [];
  return [
    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes",
  ];
}
