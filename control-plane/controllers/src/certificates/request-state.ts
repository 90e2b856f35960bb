import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";

/** Whether the request carries the condition. */
function hasCondition({ status }: CertificateSigningRequest, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === "True") === true;
}

/** Nobody has approved, denied or answered it. */
export function isPending(request: CertificateSigningRequest): boolean {
  return !hasCondition(request, "Approved") && !hasCondition(request, "Denied") && !isIssued(request);
}

/** To be signed: approved, not answered, not given up. */
export function isToBeSigned(request: CertificateSigningRequest): boolean {
  const isOpen = !hasCondition(request, "Denied") && !hasCondition(request, "Failed") && !isIssued(request);
  return hasCondition(request, "Approved") && isOpen;
}

export function isIssued({ status }: CertificateSigningRequest): boolean {
  return (status?.certificate ?? "") !== "";
}

/** The PEM in a field of bytes. */
export function pemOf(base64: string | undefined): string {
  return Buffer.from(base64 ?? "", "base64").toString("latin1");
}
