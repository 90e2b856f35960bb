import { expect, test } from "vitest";
import { cipherList } from "./cipher-suites.ts";

const ALWAYS = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

test.each([
  ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"],
  ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"],
  ["TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384"],
])("%s is OpenSSL's %s", (name, expected) => {
  expect(cipherList([name])).toBe(`${ALWAYS}:${expected}`);
});

test("those of TLS 1.3 are always there, and what is unknown is none", () => {
  expect(cipherList(["TLS_AES_128_GCM_SHA256"])).toBe(ALWAYS);
  expect(cipherList(["TLS_SOME"])).toBeUndefined();
  expect(cipherList(["TLS_ECDHE_RSA_WITH_RC4_128_SHA"])).toBeUndefined();
});
