import { RBAC } from "../../validation/groups/rbac.ts";
import type { Resource } from "../resource.ts";
import { bindingCells } from "./binding-cells.ts";

/** ClusterRoleBinding: rbac.authorization.k8s.io/v1. */
export const clusterrolebindings: Resource = {
  group: "rbac.authorization.k8s.io",
  resource: "clusterrolebindings",
  createOnUpdate: true,
  rules: RBAC["rbac.authorization.k8s.io/ClusterRoleBinding"],
  cells: bindingCells,
};
