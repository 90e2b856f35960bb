import type { Clock, Random } from "@tsukube/foundation";
import { expiryOf } from "./certificate-expiry.ts";
import type { KeyRequest } from "./certificate-keys.ts";
import type { KeyPair, SigningTerms } from "./certificates.ts";

/** Signs with the cluster's authority. What that takes is loaded at its first use: most clusters never sign anything. */
export function certificateSigner(ca: KeyPair, clock: Clock, random: Random) {
  const load = () => import("./certificates.ts");
  return {
    read: async (csr: string) => (await load()).readCertificateRequest(csr),
    expiryOf: async (certificate: string) => expiryOf(certificate),
    sign: async (csr: string, terms: SigningTerms): Promise<string> => {
      const { openAuthority } = await load();
      return (await openAuthority(ca, clock, random)).signAsAsked(csr, terms);
    },
  };
}

/** Makes a key and asks for a certificate to it; loaded at its first use as well. @see createKeyRequest */
export async function requestCertificateKey(keyType: string): Promise<KeyRequest> {
  return (await import("./certificate-keys.ts")).createKeyRequest(keyType);
}
