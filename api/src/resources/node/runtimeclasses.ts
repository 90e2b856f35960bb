import { CLUSTER } from "../../validation/groups/cluster.ts";
import { runtimeClassWarnings } from "../../warnings/cluster.ts";
import { created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** RuntimeClass: node.k8s.io/v1. */
export const runtimeclasses: Resource = {
  group: "node.k8s.io",
  resource: "runtimeclasses",
  createOnUpdate: true,
  unconditionalUpdate: false,
  rules: CLUSTER["node.k8s.io/RuntimeClass"],
  warnings: runtimeClassWarnings,
  cells: (object, now) => [name(object), textAt(object, "handler"), created(object, now)],
};
