import type { Unstructured } from "../../object.ts";
import { CERTIFICATES } from "../../validation/groups/certificates.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { conditionOf, labelsText, NONE, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** PodCertificateRequest: certificates.k8s.io/v1, certificates.k8s.io/v1beta1. */
export const podcertificaterequests: Resource = {
  group: "certificates.k8s.io",
  resource: "podcertificaterequests",
  gate: "PodCertificateRequest",
  unconditionalUpdate: false,
  fieldLabels: {
    "spec.signerName": "spec.signerName",
    "spec.podName": "spec.podName",
    "spec.nodeName": "spec.nodeName",
  },
  rules: CERTIFICATES["certificates.k8s.io/PodCertificateRequest"],
  statusRules: STATUSES["certificates.k8s.io/PodCertificateRequest"],
  cells: (object) => [
    name(object),
    ...["podName", "serviceAccountName", "nodeName", "signerName"].map((field) => textAt(object, `spec.${field}`)),
    ["Issued", "Denied", "Failed"].find((type) => conditionOf(object, type).status === "True") ?? "Pending",
    or(annotationsText(object)),
  ],
  versions: { v1beta1: { lifetime: { since: 37, until: 40, use: "certificates.k8s.io/v1 PodCertificateRequest" } } },
};

function annotationsText(object: Unstructured): string {
  const { unverifiedUserAnnotations = {} } = (object["spec"] ?? {}) as {
    readonly unverifiedUserAnnotations?: Readonly<Record<string, string>>;
  };
  return labelsText(unverifiedUserAnnotations).replace(NONE, "");
}
