import type { Container, PersistentVolume, Pod, Volume } from "@tsukube/api/types/core-v1";

/** An object that a pod or volume names, in its namespace. */
export interface SecretReference {
  readonly namespace: string;
  readonly name: string;
}

const isName = (name: string | undefined): name is string => name !== undefined && name !== "";

function containersOf(pod: Pod): readonly Container[] {
  const { containers, initContainers, ephemeralContainers } = pod.spec ?? {};
  return [...(containers ?? []), ...(initContainers ?? []), ...((ephemeralContainers ?? []) as readonly Container[])];
}

/** Names of all Secrets that running this pod needs: pull secrets, environment, volumes. */
export function secretsOf(pod: Pod): readonly string[] {
  const names = [
    ...(pod.spec?.imagePullSecrets ?? []).map((reference) => reference.name),
    ...containersOf(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.secretRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ]),
    ...(pod.spec?.volumes ?? []).flatMap(secretsOfVolume),
  ];
  return names.filter(isName);
}

function secretsOfVolume(volume: Volume): readonly (string | undefined)[] {
  const { cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos } = volume;
  return [
    volume.secret?.secretName,
    volume.azureFile?.secretName,
    volume.csi?.nodePublishSecretRef?.name,
    ...[cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos].map((source) => source?.secretRef?.name),
    ...(volume.projected?.sources ?? []).map((source) => source.secret?.name),
  ];
}

/** Names of all ConfigMaps that running this pod needs. */
export function configMapsOf(pod: Pod): readonly string[] {
  const names = [
    ...containersOf(pod).flatMap((container) => [
      ...(container.envFrom ?? []).map((source) => source.configMapRef?.name),
      ...(container.env ?? []).map((variable) => variable.valueFrom?.configMapKeyRef?.name),
    ]),
    ...(pod.spec?.volumes ?? []).flatMap((volume) => [
      volume.configMap?.name,
      ...(volume.projected?.sources ?? []).map((source) => source.configMap?.name),
    ]),
  ];
  return names.filter(isName);
}

/** Names of the claims that the pod mounts, those of its ephemeral volumes included. */
export function claimsOf(pod: Pod): readonly string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName ?? ""];
    return volume.ephemeral ? [`${pod.metadata?.name}-${volume.name}`] : [];
  });
}

/** Names of the ResourceClaims that the pod names, or that were made for it. */
export function resourceClaimsOf(pod: Pod): readonly string[] {
  const made = pod.status?.resourceClaimStatuses ?? [];
  const names = (pod.spec?.resourceClaims ?? []).map(
    (claim) => claim.resourceClaimName ?? made.find((status) => status.name === claim.name)?.resourceClaimName,
  );
  return [...names, pod.status?.extendedResourceClaimStatus?.resourceClaimName].filter(
    (name): name is string => name !== undefined && name !== null && name !== "",
  );
}

/** Secrets that a node needs to mount the volume; those of the controllers alone are left out. */
export function secretsOfPersistentVolume(volume: PersistentVolume): readonly SecretReference[] {
  const { azureFile, cephfs, cinder, flexVolume, rbd, scaleIO, iscsi, storageos, csi, claimRef } = volume.spec ?? {};
  const home = claimRef?.namespace ?? "";
  const references = [
    ...[cephfs, flexVolume, rbd, scaleIO, iscsi, cinder, storageos].map((source) => source?.secretRef),
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
    ...(azureFile ? [{ name: azureFile.secretName, namespace: azureFile.secretNamespace ?? "" }] : []),
  ] as readonly ({ readonly name?: string; readonly namespace?: string } | undefined | null)[];
  return references.flatMap((reference) =>
    reference && isName(reference.name) ? [{ name: reference.name, namespace: reference.namespace || home }] : [],
  );
}

/** The kind of API object that the pod cannot run without; undefined for pods that need none. For mirror pods. */
export function firstReferenceOf(pod: Pod): string | undefined {
  if ((pod.spec?.serviceAccountName ?? "") !== "") return "serviceaccounts";
  if (secretsOf(pod).length > 0) return "secrets";
  if (configMapsOf(pod).length > 0) return "configmaps";
  if ((pod.spec?.resourceClaims ?? []).length > 0) return "resourceclaims";
  for (const volume of pod.spec?.volumes ?? []) {
    const reference = referenceOfVolume(volume);
    if (reference !== undefined) return reference;
  }
  return undefined;
}

function referenceOfVolume(volume: Volume): string | undefined {
  if (volume.configMap) return "configmaps (via configmap volumes)";
  if (volume.secret) return "secrets (via secret volumes)";
  if (volume.csi) return "csidrivers (via CSI volumes)";
  if (volume.glusterfs) return "endpoints (via glusterFS volumes)";
  if (volume.persistentVolumeClaim) return "persistentvolumeclaims";
  if (volume.ephemeral) return "persistentvolumeclaims (via ephemeral volumes)";
  if (volume.azureFile) return "secrets (via azureFile volumes)";
  for (const source of volume.projected?.sources ?? []) {
    if (source.configMap) return "configmaps (via projected volumes)";
    if (source.secret) return "secrets (via projected volumes)";
    if (source.serviceAccountToken) return "serviceaccounts (via projected volumes)";
    if (source.clusterTrustBundle) return "clustertrustbundles";
    if (source.podCertificate) return "podcertificates";
  }
  return undefined;
}
