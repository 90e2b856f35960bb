import { constants, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { fieldErrorMessage } from "@tsukube/api";
import { requestCertificateKey } from "@tsukube/host";
import { expect, test } from "vitest";
import { proofErrors } from "./proof-of-possession.ts";

const UID = "pod-uid";
const pairs = {
  ed25519: generateKeyPairSync("ed25519"),
  p256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  p224: generateKeyPairSync("ec", { namedCurve: "secp224r1" }),
  rsa3072: generateKeyPairSync("rsa", { modulusLength: 3072 }),
  rsa2048: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  x25519: generateKeyPairSync("x25519"),
};
type Pair = keyof typeof pairs;
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };

function spki(key: KeyObject): Buffer {
  return key.export({ type: "spki", format: "der" });
}

function errors(spec: Readonly<Record<string, Buffer>>, podUID = UID): readonly string[] {
  const texts = Object.entries(spec).map(([name, bytes]) => [name, bytes.toString("base64")]);
  const request = { apiVersion: "certificates.k8s.io/v1", kind: "PodCertificateRequest" };
  return proofErrors({ ...request, spec: { podUID, ...Object.fromEntries(texts) } }).map(fieldErrorMessage);
}

const UNPROVEN = "spec.proofOfPossession: Invalid value: could not verify proof-of-possession signature";

test.each<[Pair, string]>([
  ["ed25519", ""],
  ["p256", ""],
  ["rsa3072", ""],
  ["p224", 'spec.pkixPublicKey: Invalid value: "curve P-224": elliptic public keys must use curve P256 or P384'],
  ["rsa2048", 'spec.pkixPublicKey: Invalid value: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096'],
])("%s shows that it is had by a signature over the pod's uid", (name, problem) => {
  const { publicKey, privateKey } = pairs[name];
  const key = name.startsWith("rsa") ? { key: privateKey, ...PSS } : privateKey;
  const proof = sign(name === "ed25519" ? null : "sha256", Buffer.from(UID), key);
  const spec = { pkixPublicKey: spki(publicKey), proofOfPossession: proof };
  expect(errors(spec)).toEqual(problem === "" ? [] : [problem]);
  if (problem === "") expect(errors(spec, "another")).toEqual([UNPROVEN]);
});

test("keys are keys of a known sort, of a bounded size", () => {
  const proofOfPossession = Buffer.from("x");
  const [[unknown], [none], [long]] = [spki(pairs.x25519.publicKey), Buffer.from("x"), Buffer.alloc(10_241)].map(
    (pkixPublicKey) => errors({ pkixPublicKey, proofOfPossession }),
  ) as [string[], string[], string[]];
  expect([unknown, none]).toEqual([
    expect.stringMatching(/unknown public key type; supported types are Ed25519, ECDSA, and RSA$/),
    expect.stringMatching(/^spec\.pkixPublicKey: Invalid value: "eA==": must be a valid PKIX-serialized public key$/),
  ]);
  expect(long).toBe("spec.pkixPublicKey: Too long: may not be more than 10240 bytes");
});

const hex = (text: string): Buffer => Buffer.from(text, "hex");

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const ALGORITHMS = {
  ed25519: der(0x30, hex("06032b6570")),
  ecdsa: der(0x30, hex("06082a8648ce3d040302")),
  rsa: der(0x30, hex("06092a864886f70d01010b"), hex("0500")),
  sha1: der(0x30, hex("06092a864886f70d010105"), hex("0500")),
  pss: der(0x30, hex("06092a864886f70d01010a"), der(0x30, der(0xa0, der(0x30, hex("0609608648016503040201"))))),
};

/** A signing request that asks for nothing but the key (RFC 2986). */
function signingRequest(publicKey: KeyObject, algorithm: keyof typeof ALGORITHMS, signed: (info: Buffer) => Buffer) {
  const info = der(0x30, hex("020100"), der(0x30), spki(publicKey), der(0xa0));
  return der(0x30, info, ALGORITHMS[algorithm], der(0x03, Buffer.from([0]), signed(info)));
}

test.each<[Pair, keyof typeof ALGORITHMS, string]>([
  ["ed25519", "ed25519", ""],
  ["p256", "ecdsa", ""],
  ["rsa3072", "rsa", ""],
  ["rsa3072", "pss", ""],
  ["rsa3072", "sha1", "invalid signature"],
  ["p224", "ecdsa", 'Invalid value: "curve P-224": elliptic public keys must use curve P256, P384, or P521'],
  ["rsa2048", "rsa", 'Invalid value: "2048-bit modulus": RSA keys must have modulus size 3072 or 4096'],
])("%s shows that it is had by a signing request of %s", (name, algorithm, problem) => {
  const { publicKey, privateKey } = pairs[name];
  const key = algorithm === "pss" ? { key: privateKey, ...PSS } : privateKey;
  const hash = { ed25519: null, sha1: "sha1" }[algorithm as string];
  const stub = signingRequest(publicKey, algorithm, (info) => sign(hash === undefined ? "sha256" : hash, info, key));
  expect(errors({ stubPKCS10Request: stub }).join()).toContain(problem);
  expect(errors({ stubPKCS10Request: stub })).toHaveLength(problem === "" ? 0 : 1);
});

test.each(["ED25519", "ECDSAP256", "ECDSAP384", "ECDSAP521", "RSA3072"])(
  "a kubelet's request for %s is proof",
  async (type) => {
    expect(errors({ stubPKCS10Request: Buffer.from((await requestCertificateKey(type)).request) })).toEqual([]);
  },
);

test("a signing request is whole, and signed by its own key", () => {
  const { publicKey } = pairs.ed25519;
  const other = generateKeyPairSync("ed25519").privateKey;
  const stub = signingRequest(publicKey, "ed25519", (info) => sign(null, info, other));
  expect(errors({ stubPKCS10Request: stub })).toEqual(["spec.stubPKCS10Request: Invalid value: invalid signature"]);
  const none = ["spec.stubPKCS10Request: Invalid value: must be a valid PKCS#10 CSR"];
  for (const bytes of [stub.subarray(0, -1), Buffer.concat([stub, Buffer.from([0])]), Buffer.from("x"), der(0x30)])
    expect(errors({ stubPKCS10Request: bytes })).toEqual(none);
  expect(errors({ stubPKCS10Request: Buffer.alloc(10_241) })[0]).toMatch(/Too long/);
  expect(errors({ stubPKCS10Request: stub, pkixPublicKey: spki(publicKey) })).toEqual([]);
});
