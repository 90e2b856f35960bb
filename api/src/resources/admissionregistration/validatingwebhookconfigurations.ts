import { ADMISSION } from "../../validation/groups/admission.ts";
import type { Resource } from "../resource.ts";
import { webhookCells } from "./policy-cells.ts";
import { webhooks } from "./static-names.ts";

/** ValidatingWebhookConfiguration: admissionregistration.k8s.io/v1. */
export const validatingwebhookconfigurations: Resource = {
  group: "admissionregistration.k8s.io",
  resource: "validatingwebhookconfigurations",
  generation: true,
  unconditionalUpdate: false,
  rules: ADMISSION["admissionregistration.k8s.io/ValidatingWebhookConfiguration"],
  warnings: webhooks,
  cells: webhookCells,
};
