import { X509Certificate } from "node:crypto";

/** When a certificate ends, in ms since the epoch. Apart from what makes certificates, which takes long to load. @param cert PEM. */
export function expiryOf(cert: string): number {
  return new X509Certificate(cert).validToDate.getTime();
}
