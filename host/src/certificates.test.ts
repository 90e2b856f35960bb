import "reflect-metadata";
import { createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { expect, test } from "vitest";
import { expiryOf } from "./certificate-expiry.ts";
import { createAuthorityKeys, openAuthority, readCertificateRequest } from "./certificates.ts";
import { realClock } from "./clock.ts";
import { systemRandom } from "./random.ts";

test("an authority's server certificate verifies, carries its names and fits its key", async () => {
  const keys = await createAuthorityKeys("tsukube", realClock, systemRandom);
  const authority = await openAuthority(keys, realClock, systemRandom);
  const pair = await authority.issue({
    commonName: "kube-apiserver",
    sans: ["localhost", "10.0.0.1"],
    usages: ["server"],
  });
  const certificate = new X509Certificate(pair.cert);
  expect(certificate.verify(new X509Certificate(keys.cert).publicKey)).toBe(true);
  expect(certificate.checkHost("localhost")).toBe("localhost");
  expect(certificate.checkIP("10.0.0.1")).toBe("10.0.0.1");
  expect(certificate.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
});

test("a client certificate names its user and every group", async () => {
  const authority = await openAuthority(
    await createAuthorityKeys("ca", realClock, systemRandom),
    realClock,
    systemRandom,
  );
  const { cert } = await authority.issue({ commonName: "admin", organizations: ["a", "b"], usages: ["client"] });
  expect(new X509Certificate(cert).subject).toBe("O=a\nO=b\nCN=admin");
});

const DAY = 24 * 60 * 60 * 1000;

/** A PKCS #10 request of a new key. */
async function request(
  name: x509.Pkcs10CertificateRequestCreateParamsName,
  names: x509.JsonGeneralNames = [],
  algorithm: object = P256,
): Promise<string> {
  const keys = (await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
  const extensions = names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
  const made = await x509.Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    extensions,
    signingAlgorithm: { ...algorithm, hash: "SHA-256" } as webcrypto.EcdsaParams,
  });
  return made.toString("pem");
}

const P256 = { name: "ECDSA", namedCurve: "P-256" };
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};

async function authorityAt(now: number) {
  const clock = { ...realClock, now: () => now };
  const keys = await createAuthorityKeys("ca", clock, systemRandom);
  return { ca: new X509Certificate(keys.cert), authority: await openAuthority(keys, clock, systemRandom) };
}

test.each([
  ["P-256", P256],
  ["RSA", RSA],
])("a request with a %s key is signed as it asks", async (_name, algorithm) => {
  const now = Date.UTC(2025, 0, 1);
  const { ca, authority } = await authorityAt(now);
  const names = [
    { type: "dns", value: "a.example.com" },
    { type: "ip", value: "10.0.0.1" },
  ] as const;
  const csr = await request("O=system:nodes, CN=system:node:a", [...names], algorithm);
  const usages = ["digital signature", "key encipherment", "server auth"];
  const certificate = new X509Certificate(await authority.signAsAsked(csr, { usages, ttlMs: DAY }));
  expect(certificate.verify(ca.publicKey)).toBe(true);
  expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:a");
  expect(certificate.subjectAltName).toBe("DNS:a.example.com, IP Address:10.0.0.1");
  expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  expect(certificate.ca).toBe(false);
  expect(certificate.validFromDate.getTime()).toBe(now - 5 * 60_000);
  expect(certificate.validToDate.getTime()).toBe(now + DAY - 5 * 60_000);
  expect(new x509.X509Certificate(certificate.raw).getExtension(x509.KeyUsagesExtension)?.usages).toBe(5);
});

test("a short certificate keeps its whole time, none outlives its authority", async () => {
  const now = Date.UTC(2025, 0, 1);
  const { ca, authority } = await authorityAt(now);
  const ends = async (ttlMs: number) =>
    expiryOf(await authority.signAsAsked(await request("CN=a"), { usages: ["client auth"], ttlMs }));
  expect(await ends(10 * 60_000)).toBe(now + 10 * 60_000);
  expect(await ends(10_000 * DAY)).toBe(ca.validToDate.getTime());
});

test("usages that there are not, and requests that were changed, are refused", async () => {
  const { authority } = await authorityAt(Date.UTC(2025, 0, 1));
  const csr = await request("CN=a");
  await expect(authority.signAsAsked(csr, { usages: ["fly"], ttlMs: DAY })).rejects.toThrow('usage values: ["fly"]');
  const bytes = Buffer.from(csr.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  bytes[bytes.indexOf("a", 0, "latin1")]! ^= 1;
  const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
  await expect(authority.signAsAsked(changed, { usages: ["client auth"], ttlMs: DAY })).rejects.toThrow("signature");
});

test("a request tells the names that it asks for, by type", async () => {
  const names = [
    { type: "dns", value: "a" },
    { type: "ip", value: "10.0.0.1" },
    { type: "email", value: "a@example.com" },
    { type: "url", value: "spiffe://a" },
  ] as const;
  expect(readCertificateRequest(await request("O=a, O=b, CN=c", [...names]))).toEqual({
    commonName: "c",
    organizations: ["a", "b"],
    dnsNames: ["a"],
    ipAddresses: ["10.0.0.1"],
    emailAddresses: ["a@example.com"],
    uris: ["spiffe://a"],
    others: [],
  });
});

test("a certificate names nobody but who is named in its request", async () => {
  const { authority, ca } = await authorityAt(Date.UTC(2025, 0, 1));
  const sign = (csr: string): Promise<string> => authority.signAsAsked(csr, { usages: ["client auth"], ttlMs: DAY });
  for (const text of ['x"system:masters"', "#0c0e73797374656d3a6d617374657273", "a\\,b", "a, O=b", "ü"]) {
    const csr = await request(new x509.Name([{ O: [{ utf8String: text }] }, { CN: [{ utf8String: text }] }]));
    expect(readCertificateRequest(csr)).toMatchObject({ commonName: text, organizations: [text] });
    const { cert: issued } = await authority.issue({ commonName: text, organizations: [text], usages: ["client"] });
    for (const cert of [await sign(csr), issued]) {
      expect(new X509Certificate(cert).toLegacyObject().subject).toEqual({ O: text, CN: text });
      // to the byte, as Go's clients compare it
      const { issuerName } = new x509.X509Certificate(cert);
      expect(issuerName.toArrayBuffer()).toEqual(new x509.X509Certificate(ca.raw).subjectName.toArrayBuffer());
    }
  }
  const numeric = "#12023132"; // a NumericString, "12"
  const hidden = await request(new x509.Name([{ O: [numeric] }, { CN: ["x"] }]));
  await expect(sign(hidden)).rejects.toThrow("the O of its subject is no UTF8String or PrintableString");
});
