import type { PoolStatus, ResourcePoolStatusRequestStatus } from "../../../generated/types/resource-v1alpha3.ts";
import type { Unstructured } from "../../object.ts";
import { DEVICES } from "../../validation/groups/devices.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { age } from "../ages.ts";
import { conditionAt, NONE, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** ResourcePoolStatusRequest: resource.k8s.io/v1alpha3. */
export const resourcepoolstatusrequests: Resource = {
  group: "resource.k8s.io",
  resource: "resourcepoolstatusrequests",
  isUnreconciled: true,
  unconditionalUpdate: false,
  returnsDeleted: true,
  rules: DEVICES["resource.k8s.io/ResourcePoolStatusRequest"],
  statusRules: STATUSES["resource.k8s.io/ResourcePoolStatusRequest"],
  cells: poolCells,
};

function poolCells(object: Unstructured, now: number): readonly unknown[] {
  const status = object["status"] as ResourcePoolStatusRequestStatus | undefined | null;
  const pools = status?.pools ?? [];
  const complete = conditionAt(object, "Complete");
  const isComplete = complete?.status === "True";
  const isFailed = !isComplete && conditionAt(object, "Failed")?.status === "True";
  const count = status?.poolCount ?? 0;
  const sum = (of: (pool: PoolStatus) => number | undefined): string =>
    !status || isFailed ? "-" : String(pools.reduce((total, pool) => total + (of(pool) ?? 0), 0));
  const shown = count > pools.length ? `Complete (${pools.length}/${count} pools)` : "Complete";
  return [
    name(object),
    textAt(object, "spec.driver"),
    sum((pool) => pool.totalDevices),
    sum((pool) => pool.availableDevices),
    sum((pool) => pool.allocatedDevices),
    sum((pool) => pool.unavailableDevices),
    sum((pool) => (pool.validationError === undefined ? 0 : 1)),
    count,
    isComplete ? shown : isFailed ? "Failed" : "Pending",
    isComplete ? age(complete.lastTransitionTime, now) : NONE,
  ];
}
