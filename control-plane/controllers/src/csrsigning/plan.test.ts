import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import { expect, test } from "vitest";
import { isOurs, judge } from "./plan.ts";

const DAY = 24 * 60 * 60;
const request = (more: Partial<CertificateSigningRequest["spec"]> = {}): CertificateSigningRequest => ({
  spec: { request: "", signerName: "kubernetes.io/kube-apiserver-client", usages: ["client auth"], ...more },
});
const withStatus = (
  types: readonly string[],
  certificate?: string,
  signerName?: string,
): CertificateSigningRequest => ({
  ...request(signerName === undefined ? {} : { signerName }),
  status: {
    conditions: types.map((type) => ({ type, status: "True" })),
    ...(certificate !== undefined && { certificate }),
  },
});
const asked = {
  commonName: "a",
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
};

test("only approved requests that nobody answered are signed, for our own signers", () => {
  expect(isOurs(withStatus(["Approved"]))).toBe(true);
  expect(isOurs(withStatus([]))).toBe(false);
  expect(isOurs(withStatus(["Denied"]))).toBe(false);
  expect(isOurs(withStatus(["Approved", "Failed"]))).toBe(false);
  expect(isOurs(withStatus(["Approved"], "MA=="))).toBe(false);
  expect(isOurs(withStatus(["Approved"], undefined, "example.com/own"))).toBe(false);
});

test("a certificate lasts as long as asked, a year at most, ten minutes at least", () => {
  const days = (expirationSeconds?: number) => {
    const verdict = judge(request(expirationSeconds === undefined ? {} : { expirationSeconds }), asked);
    return verdict.type === "sign" ? verdict.ttlMs / 1000 / DAY : verdict.why;
  };
  expect(days()).toBe(365);
  expect(days(2 * DAY)).toBe(2);
  expect(days(500 * DAY)).toBe(365);
  expect(days(1)).toBe(600 / DAY);
});

test("what does not fit the signer fails with the reason", () => {
  expect(judge(request({ usages: ["server auth"] }), asked)).toEqual({
    type: "fail",
    why: "invalid usage for client certificate: server auth",
  });
});
