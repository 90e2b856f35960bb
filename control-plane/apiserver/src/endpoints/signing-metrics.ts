import { X509Certificate } from "node:crypto";
import type { Unstructured } from "@tsukube/api";
import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import type { Counter, Metrics } from "@tsukube/foundation";
import type { WriteRequest } from "./writer.ts";

/** What a certificate may last longer or less than it was asked to, besides a twentieth: clocks differ. */
const SLACK_MS = 300_000;

/** How many certificates were issued that were asked to last for some time, and how many of them do, under upstream's names. */
export class SigningMetrics {
  readonly #requested: Counter;
  readonly #honored: Counter;

  constructor(metrics: Metrics) {
    const counter = (name: string, which: string): Counter =>
      metrics.counter(
        `apiserver_certificates_registry_csr_${name}_duration_total`,
        `Total number of issued CSRs with a requested duration${which}, sliced by signer (only kubernetes.io signer names are specifically identified)`,
        ["signerName"],
      );
    this.#requested = counter("requested", "");
    this.#honored = counter("honored", " that was honored");
  }

  /** Counts a certificate that was written just now. */
  written({ definition, subresource, dryRun }: WriteRequest, before: Unstructured, after: Unstructured): void {
    if (definition.resource !== "certificatesigningrequests" || subresource !== "status" || dryRun) return;
    const { spec, status: old } = before as CertificateSigningRequest & Unstructured;
    const { status } = after as CertificateSigningRequest & Unstructured;
    const seconds = spec.expirationSeconds ?? undefined;
    if (old?.certificate || !status?.certificate || seconds === undefined) return;
    const labels = { signerName: spec.signerName.startsWith("kubernetes.io/") ? spec.signerName : "other" };
    this.#requested.inc(labels);
    if (isHonored(seconds * 1000, Buffer.from(status.certificate, "base64"))) this.#honored.inc(labels);
  }
}

function isHonored(wantedMs: number, pem: Buffer): boolean {
  const { validFrom, validTo } = new X509Certificate(pem);
  const lastsMs = Date.parse(validTo) - Date.parse(validFrom);
  return Math.abs(wantedMs - lastsMs) < SLACK_MS + wantedMs / 20;
}
