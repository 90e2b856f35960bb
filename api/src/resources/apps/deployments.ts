import { APPS } from "../../validation/groups/apps.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { count, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { containers, images, selector } from "../workload-cells.ts";

/** Deployment: apps/v1. */
export const deployments: Resource = {
  group: "apps",
  resource: "deployments",
  generation: true,
  annotationsCount: true,
  rules: APPS["apps/Deployment"],
  statusRules: STATUSES["apps/Deployment"],
  warnings: workloadWarner("apps/Deployment"),
  cells: (object, now) => [
    name(object),
    `${count(object, "status.readyReplicas")}/${count(object, "spec.replicas")}`,
    count(object, "status.updatedReplicas"),
    count(object, "status.availableReplicas"),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
};
