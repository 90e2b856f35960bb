import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import { isIssued } from "../certificates/request-state.ts";

const HOUR_MS = 60 * 60 * 1000;
const DECIDED_MS = HOUR_MS;
const PENDING_MS = 24 * HOUR_MS;

/**
 * Pure: whether nobody needs the request any more: it was answered, denied or failed an hour ago, waits for a decision or for its
 * signer for a day, or its certificate has ended.
 * @param endsAt When the certificate ends, if there is one that can be read. @param now Ms since the epoch.
 */
export function isLeftOver(request: CertificateSigningRequest, endsAt: number | undefined, now: number): boolean {
  const { metadata, status } = request;
  const conditions = status?.conditions ?? [];
  const isOlder = (time: string | undefined, ms: number): boolean => Date.parse(time ?? "") < now - ms;
  if (conditions.length === 0) return isOlder(metadata?.creationTimestamp, PENDING_MS);
  const hasEnded = isIssued(request) && endsAt !== undefined && endsAt < now;
  return conditions.some(({ type, lastUpdateTime }) => {
    if (type === "Denied" || type === "Failed") return isOlder(lastUpdateTime, DECIDED_MS);
    if (type !== "Approved") return false;
    return hasEnded || isOlder(lastUpdateTime, isIssued(request) ? DECIDED_MS : PENDING_MS);
  });
}
