import { STORAGE } from "../../validation/groups/storage.ts";
import { storageClassWarnings } from "../../warnings/storage.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** StorageClass: storage.k8s.io/v1. */
export const storageclasses: Resource = {
  group: "storage.k8s.io",
  resource: "storageclasses",
  returnsDeleted: true,
  rules: STORAGE["storage.k8s.io/StorageClass"],
  warnings: storageClassWarnings,
  cells: (object, now) => [
    object.metadata?.annotations?.["storageclass.kubernetes.io/is-default-class"] === "true"
      ? `${name(object)} (default)`
      : name(object),
    textAt(object, "provisioner"),
    textAt(object, "reclaimPolicy") || "Delete",
    textAt(object, "volumeBindingMode") || "Immediate",
    textAt(object, "allowVolumeExpansion") === "true",
    created(object, now),
  ],
};
