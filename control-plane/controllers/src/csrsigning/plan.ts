import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import { isToBeSigned } from "../certificates/request-state.ts";
import type { RequestedNames } from "../certificates/signer.ts";
import { SIGNERS, whyUnfit } from "../certificates/signer-rules.ts";

/** As upstream's --cluster-signing-duration. */
const LONGEST_MS = 365 * 24 * 60 * 60 * 1000;
const SHORTEST_MS = 10 * 60 * 1000;

/** Pure: whether one of the cluster's own signers has to answer the request. */
export function isOurs(request: CertificateSigningRequest): boolean {
  return SIGNERS.includes(request.spec.signerName) && isToBeSigned(request);
}

/** To sign it, or to say why not. */
export type Verdict =
  | { readonly type: "sign"; readonly usages: readonly string[]; readonly ttlMs: number }
  | { readonly type: "fail"; readonly why: string };

/** Pure: what becomes of an approved request that asks for this. */
export function judge({ spec }: CertificateSigningRequest, asked: RequestedNames): Verdict {
  const { signerName, usages = [], expirationSeconds } = spec;
  const why = whyUnfit(signerName, asked, usages);
  if (why !== undefined) return { type: "fail", why };
  const wanted = expirationSeconds === undefined ? LONGEST_MS : expirationSeconds * 1000;
  return { type: "sign", usages, ttlMs: Math.min(LONGEST_MS, Math.max(SHORTEST_MS, wanted)) };
}
