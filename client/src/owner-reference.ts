import type { KubeObject } from "@tsukube/api";
import type { ObjectMeta, OwnerReference } from "@tsukube/api/types/meta-v1";

/** The reference by which `owner` controls a dependent. */
export function controllerReference(owner: KubeObject, apiVersion: string, kind: string): OwnerReference {
  const { name = "", uid = "" } = owner.metadata ?? {};
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The owner that controls the object; undefined for an orphan. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata?.ownerReferences?.find((reference) => reference.controller === true);
}

/** Whether `owner` controls the object. */
export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return controllerOf(object)?.uid === owner.metadata?.uid;
}

/** Metadata without the reference to `uid`. */
export function withoutOwner(meta: ObjectMeta, uid: string): ObjectMeta {
  return { ...meta, ownerReferences: (meta.ownerReferences ?? []).filter((reference) => reference.uid !== uid) };
}
