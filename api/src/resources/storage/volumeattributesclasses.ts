import { STORAGE } from "../../validation/groups/storage.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** VolumeAttributesClass: storage.k8s.io/v1. */
export const volumeattributesclasses: Resource = {
  group: "storage.k8s.io",
  resource: "volumeattributesclasses",
  isUnreconciled: true,
  returnsDeleted: true,
  rules: STORAGE["storage.k8s.io/VolumeAttributesClass"],
  cells: (object, now) => [name(object), textAt(object, "driverName"), created(object, now)],
};
