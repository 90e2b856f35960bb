import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import type { RequestedNames } from "../certificates/signer.ts";
import { KUBELET_CLIENT, whyUnfit } from "../certificates/signer-rules.ts";

/** What a requester has to be allowed to create so that its request is approved, and what is told then. */
export interface Recognition {
  readonly subresource: "selfnodeclient" | "nodeclient";
  readonly message: string;
}

/**
 * Pure: as what a request for a kubelet's client certificate is recognized, the narrowest first: a node that renews its own
 * needs less of a right than whoever brings a new one.
 */
export function recognize({ spec }: CertificateSigningRequest, asked: RequestedNames): readonly Recognition[] {
  const { signerName, usages = [], username = "" } = spec;
  if (signerName !== KUBELET_CLIENT || whyUnfit(KUBELET_CLIENT, asked, usages) !== undefined) return [];
  const suffix = "kubelet client certificate after SubjectAccessReview.";
  const own: Recognition = { subresource: "selfnodeclient", message: `Auto approving self ${suffix}` };
  const any: Recognition = { subresource: "nodeclient", message: `Auto approving ${suffix}` };
  return asked.commonName === username ? [own, any] : [any];
}
