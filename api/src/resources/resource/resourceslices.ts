import { formatTime } from "@tsukube/foundation";
import type { Unstructured } from "../../object.ts";
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
  complete: withTaintTimes,
  cells: (object, now) => [
    name(object),
    or(textAt(object, "spec.nodeName")),
    textAt(object, "spec.driver"),
    textAt(object, "spec.pool.name"),
    created(object, now),
  ],
  versions: { v1beta1: { lifetime: { since: 35, until: 38 } }, v1beta2: { lifetime: { since: 36, until: 39 } } },
};

/** Taints of devices are from when they are first seen; v1beta1 has them below `basic`. */
function withTaintTimes(slice: Unstructured, now: number): Unstructured {
  const timed = (holder: Tainted): Tainted =>
    !holder.taints
      ? holder
      : {
          ...holder,
          taints: holder.taints.map((taint) => ({ ...taint, timeAdded: taint.timeAdded ?? formatTime(now) })),
        };
  const spec = slice["spec"] as { readonly devices?: readonly Device[] | null } | undefined;
  const isTainted = spec?.devices?.some((device) => (device.basic ?? device).taints?.some((taint) => !taint.timeAdded));
  if (isTainted !== true) return slice;
  const devices = spec?.devices?.map((device) =>
    device.basic ? { ...device, basic: timed(device.basic) } : timed(device),
  );
  return { ...slice, spec: { ...spec, devices } };
}

interface Tainted {
  readonly taints?: readonly { readonly timeAdded?: string | null }[] | null;
}

interface Device extends Tainted {
  readonly basic?: Tainted | null;
}
