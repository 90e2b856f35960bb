import { APPS } from "../../validation/groups/apps.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { count, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { containers, images, selector } from "../workload-cells.ts";

/** ReplicaSet: apps/v1. */
export const replicasets: Resource = {
  group: "apps",
  resource: "replicasets",
  generation: true,
  rules: APPS["apps/ReplicaSet"],
  statusRules: STATUSES["apps/ReplicaSet"],
  warnings: workloadWarner("apps/ReplicaSet"),
  cells: (object, now) => [
    name(object),
    count(object, "spec.replicas"),
    count(object, "status.replicas"),
    count(object, "status.readyReplicas"),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
};
