import type { StatefulSet } from "@tsukube/api/types/apps-v1";
import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { OwnerReference } from "@tsukube/api/types/meta-v1";
import { controllerOf, controllerReference } from "@tsukube/client";
import { isWanted } from "./ordinals.ts";

/** "data-web-3". */
export function claimNameOf(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata?.name}-${set.metadata?.name}-${ordinal}`;
}

/** The claims that the pod of an ordinal needs, as they are to be made: labelled for the set, otherwise as their templates. */
export function claimsFor(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => {
    const { labels, annotations, finalizers } = template.metadata ?? {};
    return {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: claimNameOf(set, template, ordinal),
        namespace: set.metadata?.namespace ?? "",
        labels: { ...labels, ...set.spec.selector.matchLabels },
        ...(annotations === undefined ? {} : { annotations }),
        ...(finalizers === undefined ? {} : { finalizers }),
      },
      ...(template.spec === undefined ? {} : { spec: template.spec }),
    };
  });
}

/**
 * Pure: what shall own a claim so that garbage collection carries out the set's retention policy: the set itself, the pod
 * (`pod.metadata.name`, and uid once it has one) that is about to be scaled away, or nothing of ours.
 * @returns undefined when the claim is as it shall be, or when another controller has it.
 */
export function plannedOwners(
  set: StatefulSet,
  ordinal: number,
  pod: Pod,
  claim: PersistentVolumeClaim,
): readonly OwnerReference[] | undefined {
  const present = claim.metadata?.ownerReferences ?? [];
  const others = present.filter((owner) => !isOurs(owner, set, pod));
  const taken = others.some(({ controller }) => controller === true);
  const wanted = taken ? [] : retainers(set, ordinal, pod);
  const kept = present.filter((owner) => isOurs(owner, set, pod));
  const same =
    kept.length === wanted.length &&
    wanted.every((owner) => kept.some(({ uid, controller }) => uid === owner.uid && controller === true));
  return same ? undefined : [...others, ...wanted];
}

/** The controller of a claim that is neither the set nor the pod. */
export function strangerOf(set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim): OwnerReference | undefined {
  const controller = controllerOf(claim);
  return controller === undefined || isOurs(controller, set, pod) ? undefined : controller;
}

/** A claim of a pod that is gone is about to be collected: a new pod of this name must not use it. */
export function isStale(set: StatefulSet, podName: string, claim: PersistentVolumeClaim): boolean {
  if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== "Delete") return false;
  return (claim.metadata?.ownerReferences ?? []).some(({ kind, name }) => kind === "Pod" && name === podName);
}

function retainers(set: StatefulSet, ordinal: number, pod: Pod): readonly OwnerReference[] {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === "Delete" && !isWanted(set, ordinal)) return [controllerReference(pod, "v1", "Pod")];
  return whenDeleted === "Delete" ? [controllerReference(set, "apps/v1", "StatefulSet")] : [];
}

/** Also a former set or pod of the same name. */
function isOurs(owner: OwnerReference, set: StatefulSet, pod: Pod): boolean {
  return (
    (owner.kind === "StatefulSet" && owner.name === set.metadata?.name) ||
    (owner.kind === "Pod" && owner.name === pod.metadata?.name)
  );
}
