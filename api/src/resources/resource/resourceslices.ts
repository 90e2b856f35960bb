import { DEVICES } from "../../validation/groups/devices.ts";
import { resourceSliceWarnings } from "../../warnings/cluster.ts";
import { created, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** ResourceSlice: resource.k8s.io/v1, resource.k8s.io/v1beta1, resource.k8s.io/v1beta2. */
export const resourceslices: Resource = {
  group: "resource.k8s.io",
  resource: "resourceslices",
  isUnreconciled: true,
  generation: true,
  returnsDeleted: true,
  fieldLabels: {
    "spec.nodeName": "spec.nodeName",
    "spec.driver": "spec.driver",
    "spec.pool.name": "spec.pool.name",
  },
  rules: DEVICES["resource.k8s.io/ResourceSlice"],
  warnings: resourceSliceWarnings,
  cells: (object, now) => [
    name(object),
    or(textAt(object, "spec.nodeName")),
    textAt(object, "spec.driver"),
    textAt(object, "spec.pool.name"),
    created(object, now),
  ],
  versions: { v1beta1: { lifetime: { since: 35, until: 38 } }, v1beta2: { lifetime: { since: 36, until: 39 } } },
};
