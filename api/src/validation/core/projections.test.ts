import { expect, test } from "vitest";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { run } from "../check.ts";
import { projected } from "./projections.ts";

const CERTIFICATE = { signerName: "example.com/signer", keyType: "ED25519", credentialBundlePath: "bundle.pem" };

function messages(...sources: readonly object[]): string[] {
  return run(projected, { sources }, "projected").map(fieldErrorMessage);
}

test("trust anchors come by the name of their bundle or by their signer", () => {
  const path = "anchors.pem";
  const bundle = (more: object) => messages({ clusterTrustBundle: { path, ...more } });
  expect(bundle({ name: "example.com:signer:first" })).toEqual([]);
  expect(bundle({ signerName: "example.com/signer", labelSelector: {} })).toEqual([]);
  expect(bundle({})).toEqual([
    "projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be specified",
  ]);
  expect(bundle({ name: "first", signerName: "example.com/signer" })[0]).toMatch(/only one of name and signerName/);
  expect(bundle({ name: "first", labelSelector: {} })[0]).toMatch(/labelSelector must be unset if name is specified/);
});

test("a certificate lasts an hour at least and 91 days at most, of the cluster's own signers a day", () => {
  const lasting = (maxExpirationSeconds: number, signerName = "example.com/signer") =>
    messages({ podCertificate: { ...CERTIFICATE, signerName, maxExpirationSeconds } });
  const at = "projected.sources[0].podCertificate.maxExpirationSeconds: Invalid value:";
  expect(lasting(3600)).toEqual([]);
  expect(lasting(91 * 86_400)).toEqual([]);
  expect(lasting(3599)).toEqual([`${at} 3599: if provided, maxExpirationSeconds must be >= 3600`]);
  expect(lasting(7_862_401)).toEqual([`${at} 7862401: if provided, maxExpirationSeconds must be <= 7862400`]);
  expect(lasting(86_401, "kubernetes.io/own")).toEqual([
    `${at} 86401: if provided, maxExpirationSeconds must be <= 86400`,
  ]);
});

test("a certificate needs a type of key and a file to stand in", () => {
  const podCertificate = { signerName: "example.com/signer", keyType: "RSA1024", userAnnotations: { plain: "x" } };
  expect(messages({ podCertificate })).toEqual([
    'projected.sources[0].podCertificate.keyType: Unsupported value: "RSA1024": supported values: "RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"',
    "projected.sources[0].podCertificate.userAnnotations: Invalid value: \"plain\": must be a domain-prefixed key (such as 'acme.io/foo')",
    "projected.sources[0].podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath",
  ]);
});

test("each source is of one type, and no file comes from two", () => {
  const configMap = { name: "a", items: [{ key: "k", path: "bundle.pem" }] };
  expect(messages({ configMap }, { podCertificate: CERTIFICATE })).toEqual([
    'projected: Invalid value: "bundle.pem": conflicting duplicate paths',
  ]);
  expect(messages({ configMap: { name: "a" }, podCertificate: CERTIFICATE })).toEqual([
    "projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
  ]);
  expect(messages({ secret: { name: "a", items: [{ key: "k", path: "..data" }] } })).toEqual([
    "projected.sources[0].secret.items[0].path: Invalid value: \"..data\": must not start with '..'",
  ]);
});
