import type { PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { type Misfit, misfit, type SchedulerPlugin, type Snapshot } from "../framework.ts";
import { matchesNodeSelector } from "./node-selection.ts";

/** Names of the pod's claims, those of generic ephemeral volumes included. */
export function claimNamesOf(pod: Pod): readonly string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim !== undefined) return [volume.persistentVolumeClaim.claimName ?? ""];
    return volume.ephemeral === undefined ? [] : [`${pod.metadata?.name}-${volume.name}`];
  });
}

/** A claim that waits for its first consumer before it gets a volume. */
export function waitsForConsumer(claim: PersistentVolumeClaim, snapshot: Snapshot): boolean {
  if ((claim.spec?.volumeName ?? "") !== "") return false;
  return snapshot.storageClass(claim.spec?.storageClassName ?? "")?.volumeBindingMode === "WaitForFirstConsumer";
}

/** Claims exist and are bound, or can be provisioned on the chosen node; bound volumes are reachable from the node. */
export const volumeBinding: SchedulerPlugin = {
  name: "VolumeBinding",
  weight: 0,
  prepare(pod, snapshot) {
    const names = claimNamesOf(pod);
    if (names.length === 0) return undefined;
    const volumes: PersistentVolume[] = [];
    for (const name of names) {
      const claim = snapshot.claim(pod.metadata?.namespace ?? "", name);
      const failure =
        claim === undefined ? `persistentvolumeclaim "${name}" not found` : claimFailure(name, claim, snapshot);
      if (failure !== undefined) return { failure };
      const volume = snapshot.volume(claim?.spec?.volumeName ?? "");
      if (volume !== undefined) volumes.push(volume);
    }
    return {
      filter(node): readonly Misfit[] {
        const unreachable = volumes.some((volume) => {
          const required = volume.spec?.nodeAffinity?.required;
          return required !== undefined && !matchesNodeSelector(required, node);
        });
        return unreachable ? [misfit("node(s) didn't match PersistentVolume's node affinity", true)] : [];
      },
    };
  },
};

function claimFailure(name: string, claim: PersistentVolumeClaim, snapshot: Snapshot): string | undefined {
  if (claim.metadata?.deletionTimestamp !== undefined) return `persistentvolumeclaim "${name}" is being deleted`;
  if (claim.status?.phase === "Lost")
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
  const volumeName = claim.spec?.volumeName ?? "";
  if (volumeName === "")
    return waitsForConsumer(claim, snapshot) ? undefined : "pod has unbound immediate PersistentVolumeClaims";
  return snapshot.volume(volumeName) === undefined ? `persistentvolume "${volumeName}" not found` : undefined;
}
