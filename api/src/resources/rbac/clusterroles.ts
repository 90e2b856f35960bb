import { RBAC } from "../../validation/groups/rbac.ts";
import { name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** ClusterRole: rbac.authorization.k8s.io/v1. */
export const clusterroles: Resource = {
  group: "rbac.authorization.k8s.io",
  resource: "clusterroles",
  createOnUpdate: true,
  rules: RBAC["rbac.authorization.k8s.io/ClusterRole"],
  cells: (object) => [name(object), object.metadata?.creationTimestamp],
};
