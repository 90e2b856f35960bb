import { APPS } from "../../validation/groups/apps.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { count, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { containers, images } from "../workload-cells.ts";

/** StatefulSet: apps/v1. */
export const statefulsets: Resource = {
  group: "apps",
  resource: "statefulsets",
  generation: true,
  rules: APPS["apps/StatefulSet"],
  statusRules: STATUSES["apps/StatefulSet"],
  warnings: workloadWarner("apps/StatefulSet"),
  cells: (object, now) => [
    name(object),
    `${count(object, "status.readyReplicas")}/${count(object, "spec.replicas")}`,
    created(object, now),
    containers(object),
    images(object),
  ],
};
