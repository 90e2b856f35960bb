import { RBAC } from "../../validation/groups/rbac.ts";
import type { Resource } from "../resource.ts";
import { bindingCells } from "./binding-cells.ts";

/** RoleBinding: rbac.authorization.k8s.io/v1. */
export const rolebindings: Resource = {
  group: "rbac.authorization.k8s.io",
  resource: "rolebindings",
  createOnUpdate: true,
  rules: RBAC["rbac.authorization.k8s.io/RoleBinding"],
  cells: bindingCells,
};
