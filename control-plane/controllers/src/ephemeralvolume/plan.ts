import type { PersistentVolumeClaim, Pod, Volume } from "@tsukube/api/types/core-v1";
import { controllerReference, isControlledBy } from "@tsukube/client";
import { claimNameOf } from "../pods/pod-volumes.ts";

export interface EphemeralPlan {
  readonly create: readonly PersistentVolumeClaim[];
  /** Claims of the needed names that are not the pod's; nothing may be done with them. */
  readonly conflicts: readonly { readonly volume: string; readonly claim: string }[];
}

/**
 * Pure: the claims that the pod's generic ephemeral volumes lack. The pod owns them: they go with it.
 * @param present Claim of a name in the pod's namespace.
 */
export function plan(pod: Pod, present: (name: string) => PersistentVolumeClaim | undefined): EphemeralPlan {
  const create: PersistentVolumeClaim[] = [];
  const conflicts: { volume: string; claim: string }[] = [];
  if (pod.metadata?.deletionTimestamp !== undefined) return { create, conflicts };
  for (const volume of pod.spec?.volumes ?? []) {
    if (volume.ephemeral === undefined) continue;
    const name = claimNameOf(pod, volume) ?? "";
    const claim = present(name);
    if (claim === undefined) create.push(claimFor(pod, volume, name));
    else if (!isControlledBy(claim, pod)) conflicts.push({ volume: volume.name, claim: name });
  }
  return { create, conflicts };
}

function claimFor(pod: Pod, volume: Volume, name: string): PersistentVolumeClaim {
  const template = volume.ephemeral?.volumeClaimTemplate;
  const { labels, annotations } = template?.metadata ?? {};
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: {
      name,
      namespace: pod.metadata?.namespace ?? "",
      ownerReferences: [controllerReference(pod, "v1", "Pod")],
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    ...(template === undefined ? {} : { spec: template.spec }),
  };
}
