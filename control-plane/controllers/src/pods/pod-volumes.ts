import type { PersistentVolumeClaim, Pod, Volume } from "@tsukube/api/types/core-v1";
import { isControlledBy } from "@tsukube/client";

/** The name of the claim behind a volume of a pod; undefined for a volume of another type. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName ?? "";
  return volume.ephemeral === undefined ? undefined : `${pod.metadata?.name}-${volume.name}`;
}

/** "namespace/name" of each claim that the pod uses, those of its ephemeral volumes included. */
export function claimsOf(pod: Pod): readonly string[] {
  const names = (pod.spec?.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? []);
  return [...new Set(names)].map((name) => `${pod.metadata?.namespace}/${name}`);
}

/** Whether a volume of the pod is this claim. Of an ephemeral volume it has to be the pod's own. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  const { name, namespace } = claim.metadata ?? {};
  if (pod.metadata?.namespace !== namespace) return false;
  return (pod.spec?.volumes ?? []).some(
    (volume) => claimNameOf(pod, volume) === name && (volume.ephemeral === undefined || isControlledBy(claim, pod)),
  );
}
