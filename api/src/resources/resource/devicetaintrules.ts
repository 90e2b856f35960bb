import { formatTime } from "@tsukube/foundation";
import type { Unstructured } from "../../object.ts";
import { DEVICES } from "../../validation/groups/devices.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { age } from "../ages.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** DeviceTaintRule: resource.k8s.io/v1, resource.k8s.io/v1alpha3, resource.k8s.io/v1beta2. */
export const devicetaintrules: Resource = {
  group: "resource.k8s.io",
  resource: "devicetaintrules",
  isUnreconciled: true,
  generation: true,
  complete: withTaintTime,
  rules: DEVICES["resource.k8s.io/DeviceTaintRule"],
  statusRules: STATUSES["resource.k8s.io/DeviceTaintRule"],
  cells: (object, now) => [
    name(object),
    ...["key", "value", "effect"].map((field) => textAt(object, `spec.taint.${field}`)),
    age(textAt(object, "spec.taint.timeAdded"), now),
    created(object, now),
  ],
  versions: {
    v1: { unconditionalUpdate: false },
    v1alpha3: { lifetime: { since: 36, until: 39 }, returnsDeleted: true },
    v1beta2: { returnsDeleted: true },
  },
};

function withTaintTime(rule: Unstructured, now: number): Unstructured {
  const spec = (rule["spec"] ?? {}) as { readonly taint?: { readonly timeAdded?: string | null } };
  if (spec.taint === undefined || spec.taint.timeAdded) return rule;
  return { ...rule, spec: { ...spec, taint: { ...spec.taint, timeAdded: formatTime(now) } } };
}
