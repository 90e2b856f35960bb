import { readFileSync } from "node:fs";
import { createHttpTransport, type Transport } from "@tsukube/client";
import { realClock } from "@tsukube/host";

/** A transport to the one cluster of a kubeconfig as Tsukube writes it: certificates inside, no further contexts. */
export function transportOfKubeconfig(path: string): Transport {
  const text = readFileSync(path, "utf8");
  const field = (name: string): string => new RegExp(`${name}: "?([^"\\n]+)`).exec(text)?.[1] ?? "";
  const decoded = (name: string): string => Buffer.from(field(name), "base64").toString("utf8");
  const clientCertificate = { cert: decoded("client-certificate-data"), key: decoded("client-key-data") };
  const ca = decoded("certificate-authority-data");
  return createHttpTransport({ server: field("server"), ca, clientCertificate }, realClock);
}
