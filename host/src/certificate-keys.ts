import "reflect-metadata"; // @peculiar/x509 needs it before its own import
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

/** A new private key, and a PKCS #10 request without subject or names that proves that its maker has it. */
export interface KeyRequest {
  /** PKCS #8, PEM. */
  readonly key: string;
  /** DER. */
  readonly request: Uint8Array;
}

const rsa = (modulusLength: number) => ({
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength,
});

const ALGORITHMS = {
  RSA3072: rsa(3072),
  RSA4096: rsa(4096),
  ECDSAP256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ECDSAP384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  ECDSAP521: { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" },
  ED25519: { name: "Ed25519" },
} as const;

/** As `keyType` of certificates.k8s.io/v1 names them. @throws when the type of key is unknown. */
export async function createKeyRequest(keyType: string): Promise<KeyRequest> {
  const algorithm = ALGORITHMS[keyType as keyof typeof ALGORITHMS];
  if (algorithm === undefined)
    throw new Error(
      `Cannot make a key of type "${keyType}": unknown, expected one of ${Object.keys(ALGORITHMS).join(", ")}`,
    );
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: algorithm as webcrypto.EcdsaParams,
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { key: `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`, request: new Uint8Array(made.rawData) };
}
