import { ADMISSION } from "../../validation/groups/admission.ts";
import type { Resource } from "../resource.ts";
import { policyBindingCells } from "./policy-cells.ts";
import { staticName } from "./static-names.ts";

/** MutatingAdmissionPolicyBinding: admissionregistration.k8s.io/v1, admissionregistration.k8s.io/v1alpha1, admissionregistration.k8s.io/v1beta1. */
export const mutatingadmissionpolicybindings: Resource = {
  group: "admissionregistration.k8s.io",
  resource: "mutatingadmissionpolicybindings",
  generation: true,
  unconditionalUpdate: false,
  rules: ADMISSION["admissionregistration.k8s.io/MutatingAdmissionPolicyBinding"],
  warnings: staticName,
  cells: policyBindingCells,
  versions: {
    v1alpha1: { lifetime: { since: 35, until: 38 } },
    v1beta1: {
      lifetime: { since: 37, until: 40, use: "admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding" },
    },
  },
};
