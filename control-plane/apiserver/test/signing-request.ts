import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A PKCS#10 request for a certificate in PEM, of a key that nobody keeps. @param name Such as "O=system:nodes,CN=n". */
export async function signingRequest(name: string): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" };
  return (await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm })).toString("pem");
}
