import { CERTIFICATES } from "../../validation/groups/certificates.ts";
import { name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

/** ClusterTrustBundle: certificates.k8s.io/v1, certificates.k8s.io/v1beta1. */
export const clustertrustbundles: Resource = {
  group: "certificates.k8s.io",
  resource: "clustertrustbundles",
  gate: "ClusterTrustBundle",
  unconditionalUpdate: false,
  fieldLabels: { "spec.signerName": "spec.signerName" },
  rules: CERTIFICATES["certificates.k8s.io/ClusterTrustBundle"],
  cells: (object) => [name(object), or(textAt(object, "spec.signerName"))],
  versions: { v1beta1: { lifetime: { since: 37, until: 40, use: "certificates.k8s.io/v1 ClusterTrustBundle" } } },
};
