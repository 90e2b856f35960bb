import { CORE } from "../../validation/core/rules.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { count, created, labelsText, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { containers, images } from "../workload-cells.ts";

/** ReplicationController: v1. */
export const replicationcontrollers: Resource = {
  group: "",
  resource: "replicationcontrollers",
  generation: true,
  dependents: "orphan",
  fieldLabels: { "status.replicas": (object) => textAt(object, "status.replicas") || "0" },
  rules: CORE["/ReplicationController"],
  statusRules: STATUSES["/ReplicationController"],
  warnings: workloadWarner("/ReplicationController"),
  cells: (object, now) => [
    name(object),
    count(object, "spec.replicas"),
    count(object, "status.replicas"),
    count(object, "status.readyReplicas"),
    created(object, now),
    containers(object),
    images(object),
    labelsText((object["spec"] as { selector?: Record<string, string> } | undefined)?.selector),
  ],
};
