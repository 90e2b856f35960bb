import { isSequence, pemBlocks } from "./pem-blocks.ts";

/**
 * Why base64 is no PEM of authorities whose certificates are believed, in Go's words; undefined: it is, or there is none, which stands for the
 * authorities of the system. What stands within a certificate is not looked at.
 */
export function caBundleProblem(bundle: unknown): string | undefined {
  if ((bundle ?? "") === "") return undefined;
  const blocks = pemBlocks(bundle);
  const certificates = blocks.filter(({ type, hasHeaders }) => type === "CERTIFICATE" && !hasHeaders);
  if (certificates.some(({ bytes }) => isSequence(bytes))) return undefined;
  if (certificates.length > 0)
    return "unable to load root certificates: failed to parse certificate: x509: malformed certificate";
  const why = blocks.length > 0 ? "no valid certificate authority data seen" : "unable to parse bytes as PEM block";
  return `unable to load root certificates: ${why}`;
}
