import "reflect-metadata"; // @peculiar/x509 needs it before its own import
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { Clock, Random } from "@tsukube/foundation";
import { keyUsagesOf } from "./key-usages.ts";

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

const CURVE = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 24 * 60 * 60 * 1000;

/** A certificate (chain) and its private key, PEM; keys are PKCS #8. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses of a server; absent for clients. */
  readonly sans?: readonly string[];
  readonly usages: readonly ("server" | "client")[];
  /** 365 by default. */
  readonly days?: number;
}

/** Issues P-256 certificates: ECDSA costs a hundredth of RSA when a key is made. */
export interface CertificateAuthority {
  /** PEM of the CA certificate. */
  readonly cert: string;
  issue(request: CertificateRequest): Promise<KeyPair>;
  /**
   * Signs the key of a PKCS #10 request; subject and names come from `request`, never unchecked from the CSR.
   * @param csr PEM. @returns PEM. @throws when the CSR cannot be parsed or its signature is wrong.
   */
  sign(csr: string, request: CertificateRequest & { readonly notAfter?: number }): Promise<string>;
  /**
   * Signs a PKCS #10 request with the subject and the names that it asks for itself: whoever calls has looked at them.
   * @param csr PEM. @returns PEM. @throws when the CSR cannot be parsed, its signature is wrong or a usage is unknown.
   */
  signAsAsked(csr: string, terms: SigningTerms): Promise<string>;
}

export interface SigningTerms {
  /** As certificates.k8s.io/v1 names them: "digital signature", "client auth". */
  readonly usages: readonly string[];
  /** How long from now; never beyond the authority itself. */
  readonly ttlMs: number;
}

/** Makes a CA that is valid for ten years. */
export async function createAuthorityKeys(commonName: string, clock: Clock, random: Random): Promise<KeyPair> {
  const keys = await generate();
  const now = clock.now();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(random),
    name: new x509.Name([{ CN: [{ utf8String: commonName }] }]),
    notBefore: new Date(now - 5 * 60 * 1000),
    notAfter: new Date(now + 3650 * DAY),
    keys,
    signingAlgorithm: CURVE,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: pem(certificate), key: await exportKey(keys.privateKey) };
}

/** An authority out of its stored keys. */
export async function openAuthority(pair: KeyPair, clock: Clock, random: Random): Promise<CertificateAuthority> {
  const certificate = new x509.X509Certificate(pair.cert);
  const signingKey = await importKey(pair.key);
  const make = async (
    publicKey: x509.PublicKeyType,
    request: CertificateRequest,
    notAfter?: number,
  ): Promise<string> => {
    const now = clock.now();
    const made = await x509.X509CertificateGenerator.create({
      serialNumber: serial(random),
      issuer: certificate.subjectName,
      subject: subjectOf(request),
      notBefore: new Date(now - 5 * 60 * 1000),
      notAfter: new Date(notAfter ?? now + (request.days ?? 365) * DAY),
      publicKey,
      signingKey,
      signingAlgorithm: CURVE,
      extensions: await extensionsOf(request, certificate, publicKey),
    });
    return pem(made);
  };
  return {
    cert: pair.cert,
    async issue(request) {
      const keys = await generate();
      return { cert: await make(keys.publicKey, request), key: await exportKey(keys.privateKey) };
    },
    async sign(csr, request) {
      const parsed = new x509.Pkcs10CertificateRequest(csr);
      if (!(await parsed.verify()))
        throw new Error("Cannot sign the certificate request: its signature does not match its key");
      return make(parsed.publicKey, request, request.notAfter);
    },
    signAsAsked: (csr, terms) => signAsAsked({ certificate, signingKey, clock, random }, csr, terms),
  };
}

const BACKDATE_MS = 5 * 60 * 1000;
/** From here on the time before now is taken off the end; shorter certificates would lose too much. */
const LONG_MS = 8 * 60 * 60 * 1000;
const SAN = "2.5.29.17";

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly signingKey: CryptoKey;
  readonly clock: Clock;
  readonly random: Random;
}

async function signAsAsked(issuer: Issuer, csr: string, { usages, ttlMs }: SigningTerms): Promise<string> {
  const { certificate, signingKey, clock, random } = issuer;
  const parsed = new x509.Pkcs10CertificateRequest(csr);
  if (!(await parsed.verify()))
    throw new Error("Cannot sign the certificate request: its signature does not match its key");
  const { bits, purposes } = keyUsagesOf(usages);
  const names = parsed.getExtension(SAN);
  const now = clock.now();
  const end = now + ttlMs - (ttlMs >= LONG_MS ? BACKDATE_MS : 0);
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: serial(random),
    issuer: certificate.subjectName,
    subject: parsed.subjectName, // as text it would be read anew, quotes and "#" as something else
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(Math.min(end, certificate.notAfter.getTime())),
    publicKey: parsed.publicKey,
    signingKey,
    signingAlgorithm: CURVE,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      ...(bits === 0 ? [] : [new x509.KeyUsagesExtension(bits, true)]),
      ...(purposes.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...purposes])]),
      await x509.AuthorityKeyIdentifierExtension.create(certificate),
      ...(names === null ? [] : [new x509.Extension(SAN, parsed.subject === "", names.value)]),
    ],
  });
  const cert = pem(made);
  expectNamed(cert, parsed);
  return cert;
}

/** The subject and names of a PKCS #10 request. @param csr PEM. */
export function readCertificateRequest(csr: string): {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  /** Names of other types. */
  readonly others: readonly string[];
} {
  const parsed = new x509.Pkcs10CertificateRequest(csr);
  const names = (parsed.getExtension("2.5.29.17") as x509.SubjectAlternativeNameExtension | null)?.names.items ?? [];
  const values = (type: string): string[] => names.filter((name) => name.type === type).map((name) => name.value);
  return {
    commonName: parsed.subjectName.getField("CN")[0] ?? "",
    organizations: parsed.subjectName.getField("O"),
    dnsNames: values("dns"),
    ipAddresses: values("ip"),
    emailAddresses: values("email"),
    uris: values("url"),
    others: names.filter(({ type }) => !["dns", "ip", "email", "url"].includes(type)).map(({ value }) => value),
  };
}

/** Of some types of text OpenSSL, which reads who a client is, could read another name than was found in the request and allowed. */
function expectNamed(cert: string, { subjectName }: x509.Pkcs10CertificateRequest): void {
  const { subject } = new X509Certificate(cert).toLegacyObject() as {
    readonly subject?: NodeJS.Dict<string | string[]>;
  };
  for (const type of ["CN", "O"])
    if ([subject?.[type] ?? []].flat().join("\n") !== subjectName.getField(type).join("\n"))
      throw new Error(
        `Cannot sign the certificate request: the ${type} of its subject is no UTF8String or PrintableString`,
      );
}

/** A new P-256 key, PKCS #8 PEM: for ServiceAccount tokens. */
export async function createSigningKey(): Promise<string> {
  return exportKey((await generate()).privateKey);
}

function generate(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(CURVE, true, ["sign", "verify"]) as Promise<webcrypto.CryptoKeyPair>;
}

/** 128 random bits, positive and without leading zero octet (RFC 5280, 4.1.2.2). */
function serial(random: Random): string {
  const bytes = random.bytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

function subjectOf(request: CertificateRequest): x509.Name {
  const organizations = (request.organizations ?? []).map((organization) => ({ O: [{ utf8String: organization }] }));
  return new x509.Name([...organizations, { CN: [{ utf8String: request.commonName }] }]);
}

async function extensionsOf(
  request: CertificateRequest,
  issuer: x509.X509Certificate,
  publicKey: x509.PublicKeyType,
): Promise<x509.Extension[]> {
  const usages = request.usages.map((usage) =>
    usage === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth,
  );
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(usages),
    await x509.AuthorityKeyIdentifierExtension.create(issuer),
    await x509.SubjectKeyIdentifierExtension.create(publicKey),
  ];
  const sans = request.sans ?? [];
  if (sans.length > 0) {
    extensions.push(
      new x509.SubjectAlternativeNameExtension(
        sans.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ("ip" as const) : ("dns" as const), value })),
      ),
    );
  }
  return extensions;
}

async function exportKey(key: CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key as never));
  return `-----BEGIN PRIVATE KEY-----\n${lines(bytes)}\n-----END PRIVATE KEY-----\n`;
}

async function importKey(key: string): Promise<CryptoKey> {
  const bytes = Buffer.from(key.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  return (await webcrypto.subtle.importKey("pkcs8", bytes, CURVE, false, ["sign"])) as CryptoKey;
}

function pem(certificate: x509.X509Certificate): string {
  return `-----BEGIN CERTIFICATE-----\n${lines(Buffer.from(certificate.rawData))}\n-----END CERTIFICATE-----\n`;
}

function lines(bytes: Buffer): string {
  return (bytes.toString("base64").match(/.{1,64}/g) ?? []).join("\n");
}
