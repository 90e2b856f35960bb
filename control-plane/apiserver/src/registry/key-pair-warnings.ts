import { createPrivateKey, X509Certificate } from "node:crypto";
import type { Unstructured } from "@tsukube/api";
import type { Secret } from "@tsukube/api/types/core-v1";

/** A TLS Secret is accepted whatever it holds; that its certificate and key do not belong together is told. */
export function keyPairWarnings(object: Unstructured): readonly string[] {
  const { type, data } = object as Secret;
  if (type !== "kubernetes.io/tls") return [];
  const pem = (name: string): string => Buffer.from(data?.[name] ?? "", "base64").toString("latin1");
  const [cert, key] = [pem("tls.crt"), pem("tls.key")];
  if (!cert.includes("-----BEGIN")) return ["tls: failed to find any PEM data in certificate input"];
  if (!key.includes("-----BEGIN")) return ["tls: failed to find any PEM data in key input"];
  try {
    const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
    return isPair ? [] : ["tls: private key does not match public key"];
  } catch (error) {
    return [`tls: ${error instanceof Error ? error.message : String(error)}`];
  }
}
