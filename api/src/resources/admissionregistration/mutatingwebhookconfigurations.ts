import { ADMISSION } from "../../validation/groups/admission.ts";
import type { Resource } from "../resource.ts";
import { webhookCells } from "./policy-cells.ts";
import { webhooks } from "./static-names.ts";

/** MutatingWebhookConfiguration: admissionregistration.k8s.io/v1. */
export const mutatingwebhookconfigurations: Resource = {
  group: "admissionregistration.k8s.io",
  resource: "mutatingwebhookconfigurations",
  generation: true,
  unconditionalUpdate: false,
  rules: ADMISSION["admissionregistration.k8s.io/MutatingWebhookConfiguration"],
  warnings: webhooks,
  cells: webhookCells,
};
