import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import { expect, test } from "vitest";
import { isLeftOver } from "./plan.ts";

const NOW = Date.UTC(2025, 0, 10);
const ago = (hours: number) => new Date(NOW - hours * 3_600_000).toISOString();

function request(hours: number, types: readonly string[] = [], certificate?: string): CertificateSigningRequest {
  const conditions = types.map((type) => ({ type, status: "True", lastUpdateTime: ago(hours) }));
  return {
    metadata: { creationTimestamp: ago(hours) },
    spec: { request: "", signerName: "example.com/a" },
    status: { conditions, ...(certificate !== undefined && { certificate }) },
  };
}

test("who waits has a day", () => {
  expect(isLeftOver(request(23.9), undefined, NOW)).toBe(false);
  expect(isLeftOver(request(24.1), undefined, NOW)).toBe(true);
});

test.each(["Denied", "Failed"])("what is %s stays for an hour", (type) => {
  expect(isLeftOver(request(0.9, [type]), undefined, NOW)).toBe(false);
  expect(isLeftOver(request(1.1, [type]), undefined, NOW)).toBe(true);
});

test("what is answered stays for an hour, what is approved and not answered for a day", () => {
  expect(isLeftOver(request(0.9, ["Approved"], "c"), NOW + 1, NOW)).toBe(false);
  expect(isLeftOver(request(1.1, ["Approved"], "c"), NOW + 1, NOW)).toBe(true);
  expect(isLeftOver(request(23.9, ["Approved"]), undefined, NOW)).toBe(false);
  expect(isLeftOver(request(24.1, ["Approved"]), undefined, NOW)).toBe(true);
});

test("a certificate that ended goes with its request", () => {
  expect(isLeftOver(request(0.1, ["Approved"], "c"), NOW - 1, NOW)).toBe(true);
  expect(isLeftOver(request(0.1, ["Approved"], "c"), undefined, NOW)).toBe(false);
  expect(isLeftOver(request(0.1, ["Other"], "c"), NOW - 1, NOW)).toBe(false);
});
