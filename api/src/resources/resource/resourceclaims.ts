import type { Unstructured } from "../../object.ts";
import { DEVICES } from "../../validation/groups/devices.ts";
import { withoutGoneDevices } from "../../validation/statuses/claim.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { created, listAt, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

const claimState = (object: Unstructured): string => {
  const isDeleted = object.metadata?.deletionTimestamp !== undefined;
  const isAllocated = textAt(object, "status.allocation") !== "";
  const isReserved = isAllocated && listAt(object, "status.reservedFor").length > 0;
  return [
    ...(isDeleted ? ["deleted"] : []),
    ...(isAllocated ? ["allocated"] : isDeleted ? [] : ["pending"]),
    ...(isReserved ? ["reserved"] : []),
  ].join(",");
};

/** ResourceClaim: resource.k8s.io/v1, resource.k8s.io/v1beta1, resource.k8s.io/v1beta2. */
export const resourceclaims: Resource = {
  group: "resource.k8s.io",
  resource: "resourceclaims",
  isUnreconciled: true,
  returnsDeleted: true,
  rules: DEVICES["resource.k8s.io/ResourceClaim"],
  statusRules: STATUSES["resource.k8s.io/ResourceClaim"],
  prepareForStatus: withoutGoneDevices,
  cells: (object, now) => [name(object), claimState(object), created(object, now)],
  versions: { v1beta1: { lifetime: { since: 35, until: 38 } }, v1beta2: { lifetime: { since: 36, until: 39 } } },
};
