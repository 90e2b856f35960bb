import { RBAC } from "../../validation/groups/rbac.ts";
import { name } from "../cells.ts";
import type { Resource } from "../resource.ts";

/** Role: rbac.authorization.k8s.io/v1. */
export const roles: Resource = {
  group: "rbac.authorization.k8s.io",
  resource: "roles",
  createOnUpdate: true,
  rules: RBAC["rbac.authorization.k8s.io/Role"],
  cells: (object) => [name(object), object.metadata?.creationTimestamp],
};
