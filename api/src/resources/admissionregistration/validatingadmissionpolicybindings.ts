import { ADMISSION } from "../../validation/groups/admission.ts";
import type { Resource } from "../resource.ts";
import { policyBindingCells } from "./policy-cells.ts";
import { staticName } from "./static-names.ts";

/** ValidatingAdmissionPolicyBinding: admissionregistration.k8s.io/v1. */
export const validatingadmissionpolicybindings: Resource = {
  group: "admissionregistration.k8s.io",
  resource: "validatingadmissionpolicybindings",
  generation: true,
  unconditionalUpdate: false,
  rules: ADMISSION["admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding"],
  warnings: staticName,
  cells: policyBindingCells,
};
