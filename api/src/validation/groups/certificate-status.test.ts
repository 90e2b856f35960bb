import { expect, test } from "vitest";
import type { Unstructured } from "../../object.ts";
import { approval, signing } from "./certificate-status.ts";

const KIND = { kind: { group: "certificates.k8s.io", version: "v1", kind: "CertificateSigningRequest" } };
const pem = (type: string) => btoa(`-----BEGIN ${type}-----\nMAA=\n-----END ${type}-----\n`);
const condition = (type: string, status = "True", reason = "") => ({ type, status, reason });
const csr = (conditions: readonly object[] = [], certificate?: string): Unstructured =>
  ({ status: { conditions, ...(certificate !== undefined && { certificate }) } }) as unknown as Unstructured;

const approving = (next: Unstructured, old = csr()) =>
  approval(next, old, KIND).map(({ type, field, detail }) => `${type} ${field} ${detail ?? ""}`.trim());
const writing = (next: Unstructured, old = csr()) =>
  signing(next, old, KIND).map(({ type, field, detail }) => `${type} ${field} ${detail ?? ""}`.trim());

test("a request is approved or denied, with status True, once", () => {
  expect(approving(csr([condition("Approved")]))).toEqual([]);
  expect(approving(csr([condition("Denied")]))).toEqual([]);
  expect(approving(csr([condition("Approved", "False")]))).toEqual([
    expect.stringContaining("FieldValueNotSupported status.conditions[0].status"),
  ]);
  expect(approving(csr([condition("Approved"), condition("Denied")]))).toEqual([
    expect.stringContaining("must specify at most one of"),
  ]);
  expect(approving(csr([condition("Approved"), condition("Approved")]))).toEqual([
    expect.stringContaining("FieldValueDuplicate status.conditions[1].type"),
  ]);
  expect(approving(csr([condition("")]))).toEqual(["FieldValueRequired status.conditions[0].type"]);
});

test("a decision is not taken back, and approvals bring no certificate", () => {
  const approved = csr([condition("Approved")]);
  expect(approving(csr(), approved)).toEqual([
    'FieldValueForbidden status.conditions updates may not remove a condition of type "Approved"',
  ]);
  expect(approving(csr([condition("Approved")], pem("CERTIFICATE")))).toEqual([
    "FieldValueForbidden status.certificate approvals may not change it",
  ]);
});

test("who signs decides nothing, but may say that it cannot be signed", () => {
  const approved = csr([condition("Approved", "True", "a")]);
  expect(writing(csr([condition("Approved")]))).toEqual([expect.stringContaining("may not add a condition")]);
  expect(writing(csr([condition("Approved", "True", "b")]), approved)).toEqual([
    expect.stringContaining("may not modify a condition"),
  ]);
  const same = { reason: "a", status: "True", type: "Approved" }; // whatever the order of its members
  expect(writing(csr([same, condition("Failed")]), approved)).toEqual([]);
});

test("a certificate is PEM of certificates only, and written once", () => {
  expect(writing(csr([], pem("CERTIFICATE")))).toEqual([]);
  for (const wrong of [pem("EC PRIVATE KEY"), btoa("text"), "&"])
    expect(writing(csr([], wrong))).toEqual([expect.stringContaining("FieldValueInvalid status.certificate")]);
  expect(writing(csr([], pem("CERTIFICATE")), csr([], btoa("other")))).toEqual([
    expect.stringContaining("may not modify existing certificate content"),
  ]);
});
