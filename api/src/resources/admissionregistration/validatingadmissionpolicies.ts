import { ADMISSION } from "../../validation/groups/admission.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import type { Resource } from "../resource.ts";
import { policyCells } from "./policy-cells.ts";
import { staticName } from "./static-names.ts";

/** ValidatingAdmissionPolicy: admissionregistration.k8s.io/v1. */
export const validatingadmissionpolicies: Resource = {
  group: "admissionregistration.k8s.io",
  resource: "validatingadmissionpolicies",
  generation: true,
  unconditionalUpdate: false,
  rules: ADMISSION["admissionregistration.k8s.io/ValidatingAdmissionPolicy"],
  statusRules: STATUSES["admissionregistration.k8s.io/ValidatingAdmissionPolicy"],
  warnings: staticName,
  cells: policyCells("validations"),
};
