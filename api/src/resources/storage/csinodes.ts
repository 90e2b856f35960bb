import { STORAGE } from "../../validation/groups/storage.ts";
import { created, listAt, name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** CSINode: storage.k8s.io/v1. */
export const csinodes: Resource = {
  group: "storage.k8s.io",
  resource: "csinodes",
  isUnreconciled: true,
  unconditionalUpdate: false,
  returnsDeleted: true,
  rules: STORAGE["storage.k8s.io/CSINode"],
  cells: (object, now) => [name(object), listAt(object, "spec.drivers").length, created(object, now)],
};
