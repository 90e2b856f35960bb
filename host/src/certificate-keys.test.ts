import "reflect-metadata";
import { createPrivateKey, createPublicKey } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { expect, test } from "vitest";
import { createKeyRequest } from "./certificate-keys.ts";

test.each([
  ["RSA3072", { modulusLength: 3072 }],
  ["ECDSAP256", { namedCurve: "prime256v1" }],
  ["ECDSAP384", { namedCurve: "secp384r1" }],
  ["ECDSAP521", { namedCurve: "secp521r1" }],
  ["ED25519", {}],
])("a request of type %s proves its key and asks for no name", async (keyType, details) => {
  const { key, request } = await createKeyRequest(keyType);
  const privateKey = createPrivateKey(key);
  const parsed = new x509.Pkcs10CertificateRequest(request);
  expect(await parsed.verify()).toBe(true);
  expect(parsed.subject).toBe("");
  expect(parsed.extensions).toEqual([]);
  expect(privateKey.asymmetricKeyDetails).toMatchObject(details);
  const [own, asked] = [createPublicKey(privateKey), createPublicKey(parsed.publicKey.toString("pem"))];
  expect(asked.equals(own)).toBe(true);
});

test("an unknown type of key is refused", async () => {
  await expect(createKeyRequest("DSA1024")).rejects.toThrow('Cannot make a key of type "DSA1024"');
});
