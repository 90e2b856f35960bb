import { DEVICES } from "../../validation/groups/devices.ts";
import type { Resource } from "../resource.ts";

/** ResourceClaimTemplate: resource.k8s.io/v1, resource.k8s.io/v1beta1, resource.k8s.io/v1beta2. */
export const resourceclaimtemplates: Resource = {
  group: "resource.k8s.io",
  resource: "resourceclaimtemplates",
  isUnreconciled: true,
  returnsDeleted: true,
  rules: DEVICES["resource.k8s.io/ResourceClaimTemplate"],
  versions: { v1beta1: { lifetime: { since: 35, until: 38 } }, v1beta2: { lifetime: { since: 36, until: 39 } } },
};
