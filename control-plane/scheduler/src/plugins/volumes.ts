import {
  bestVolumeFor,
  compareQuantities,
  NO_PROVISIONER,
  requestOf,
  SELECTED_NODE,
  storageClassOf,
} from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import { type Misfit, misfit, type SchedulerPlugin, type Snapshot } from "../framework.ts";
import type { NodeInfo } from "../node-info.ts";
import { matchesNodeSelector } from "./node-selection.ts";
import { claimFailure, isBound, podClaimsOf } from "./pod-claims.ts";

/** What has to become of the claims of a pod that wait for it, once its node is chosen. */
export interface VolumeNeeds {
  readonly bind: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provision: readonly PersistentVolumeClaim[];
}

const UNREACHABLE = misfit("node(s) didn't match PersistentVolume's node affinity", true);
const NO_VOLUME = misfit("node(s) didn't find available persistent volumes to bind", true);
const GONE = misfit("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)", true);

/** Claims exist and are bound to volumes that the node reaches, or can get such: one that is there, or a new one. */
export const volumeBinding: SchedulerPlugin = {
  name: "VolumeBinding",
  weight: 0,
  prepare(pod, snapshot) {
    const names = podClaimsOf(pod);
    if (names.length === 0) return undefined;
    const claims: PersistentVolumeClaim[] = [];
    for (const each of names) {
      const claim = snapshot.claim(pod.metadata?.namespace ?? "", each.name);
      const failure = claimFailure(pod, each, claim, snapshot);
      if (failure !== undefined) return { failure };
      if (claim !== undefined) claims.push(claim);
    }
    const bound = claims.filter(isBound).map((claim) => snapshot.volume(claim.spec?.volumeName ?? ""));
    const waiting = claims.filter((claim) => !isBound(claim));
    return {
      filter(node): readonly Misfit[] {
        if (bound.includes(undefined)) return [GONE];
        if (bound.some((volume) => volume !== undefined && !isReachable(volume, node))) return [UNREACHABLE];
        return needsOf(waiting, node, snapshot) === undefined ? [NO_VOLUME] : [];
      },
    };
  },
};

/** What the pod's claims need on the node that was chosen for it; undefined when they cannot be had there any more. */
export function volumeNeeds(pod: Pod, node: NodeInfo, snapshot: Snapshot): VolumeNeeds | undefined {
  const claims = podClaimsOf(pod).flatMap(({ name }) => snapshot.claim(pod.metadata?.namespace ?? "", name) ?? []);
  return needsOf(
    claims.filter((claim) => !isBound(claim)),
    node,
    snapshot,
  );
}

/** The smallest claims choose first: the volumes that they leave are large. */
function needsOf(
  claims: readonly PersistentVolumeClaim[],
  node: NodeInfo,
  snapshot: Snapshot,
): VolumeNeeds | undefined {
  const needs = {
    bind: [] as { claim: PersistentVolumeClaim; volume: PersistentVolume }[],
    provision: [] as PersistentVolumeClaim[],
  };
  const taken = new Set<string>();
  const reachable = (volume: PersistentVolume): boolean => isReachable(volume, node);
  for (const claim of [...claims].sort((a, b) => compareQuantities(requestOf(a), requestOf(b)))) {
    const selected = selectedNode(claim, snapshot);
    if (selected !== undefined && selected !== node.name) return undefined;
    const volume =
      selected === undefined ? bestVolumeFor(claim, snapshot.volumes(), { isReachable: reachable, taken }) : undefined;
    if (volume !== undefined) {
      taken.add(volume.metadata?.name ?? "");
      needs.bind.push({ claim, volume });
    } else if (canProvision(snapshot.storageClass(storageClassOf(claim)), node)) needs.provision.push(claim);
    else return undefined;
  }
  return needs;
}

/** The node that a provisioner was told before. One that is gone since counts no more. */
function selectedNode(claim: PersistentVolumeClaim, { nodes }: Snapshot): string | undefined {
  const name = claim.metadata?.annotations?.[SELECTED_NODE];
  return nodes.some((node) => node.name === name) ? name : undefined;
}

function canProvision(storageClass: StorageClass | undefined, node: NodeInfo): boolean {
  if (storageClass === undefined || storageClass.provisioner === NO_PROVISIONER) return false;
  const terms = storageClass.allowedTopologies ?? [];
  if (terms.length === 0) return true;
  return terms.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(node.labels[key] ?? "")),
  );
}

export function isReachable(volume: PersistentVolume, node: NodeInfo): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

const IN_USE = misfit("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode");

/** A claim of access mode ReadWriteOncePod is for one pod of the whole cluster (KEP-2485). */
export const volumeRestrictions: SchedulerPlugin = {
  name: "VolumeRestrictions",
  weight: 0,
  seesOtherNodes: true,
  prepare(pod, snapshot) {
    const namespace = pod.metadata?.namespace ?? "";
    const exclusive = podClaimsOf(pod)
      .map(({ name }) => name)
      .filter((name) => snapshot.claim(namespace, name)?.spec?.accessModes?.includes("ReadWriteOncePod") === true);
    if (exclusive.length === 0) return undefined;
    const uses = (other: Pod): boolean =>
      other.metadata?.namespace === namespace &&
      other.metadata?.uid !== pod.metadata?.uid &&
      podClaimsOf(other).some(({ name }) => exclusive.includes(name));
    const isInUse = snapshot.nodes.some((node) => node.pods.some(uses));
    return isInUse ? { filter: () => [IN_USE] } : undefined;
  },
};
