import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import { type FieldError, fieldError, OMITTED, type Unstructured } from "@tsukube/api";
import type { PodCertificateRequestSpec } from "@tsukube/api/types/certificates-v1beta1";
import { Der, type DerElement } from "./der.ts";

const MOST_BYTES = 10 * 1024;
const STUB = "spec.stubPKCS10Request";
const KEY = "spec.pkixPublicKey";
const PROOF = "spec.proofOfPossession";

/**
 * Whoever asks for a certificate of a pod shows that it has the key: by a signing request that the key signed, or by a signature over
 * the pod's uid. Signers rely on it.
 */
export function proofErrors(request: Unstructured): readonly FieldError[] {
  const spec = request["spec"] as PodCertificateRequestSpec;
  const [stub, key, proof] = [spec.stubPKCS10Request, spec.pkixPublicKey, spec.proofOfPossession].map((text) =>
    Buffer.from(text ?? "", "base64"),
  ) as [Buffer, Buffer, Buffer];
  const isPair = key.length > 0 && proof.length > 0;
  if (stub.length > 0 ? key.length + proof.length > 0 : !isPair) return []; // its rules refuse it
  const error = isPair ? keyError(key, proof, spec.podUID ?? "") : stubError(stub);
  return error === undefined ? [] : [error];
}

function stubError(stub: Buffer): FieldError | undefined {
  if (stub.length > MOST_BYTES) return fieldError.tooLong(STUB, MOST_BYTES);
  const request = signingRequestOf(stub);
  if (request === undefined) return fieldError.invalid(STUB, OMITTED, "must be a valid PKCS#10 CSR");
  const { key, signed, algorithm, signature } = request;
  const unfit = unfitKey(key, STUB, OMITTED, "elliptic public keys must use curve P256, P384, or P521");
  if (unfit !== undefined) return unfit;
  const isSigned = isSignature(key, signed, algorithm, signature);
  return isSigned ? undefined : fieldError.invalid(STUB, OMITTED, "invalid signature");
}

function keyError(bytes: Buffer, proof: Buffer, uid: string): FieldError | undefined {
  if (bytes.length > MOST_BYTES) return fieldError.tooLong(KEY, MOST_BYTES);
  if (proof.length > MOST_BYTES) return fieldError.tooLong(PROOF, MOST_BYTES);
  const key = publicKeyOf(bytes);
  if (key === undefined)
    return fieldError.invalid(KEY, bytes.toString("base64"), "must be a valid PKIX-serialized public key");
  const why = "elliptic public keys must use curve P256 or P384";
  const unfit = unfitKey(key, KEY, bytes.toString("base64"), why);
  if (unfit !== undefined) return unfit;
  const [hash, padded] = key.asymmetricKeyType === "ed25519" ? [null, {}] : ["sha256", PSS];
  const isProof = verify(hash, Buffer.from(uid), key.asymmetricKeyType === "rsa" ? { key, ...padded } : key, proof);
  return isProof ? undefined : fieldError.invalid(PROOF, OMITTED, "could not verify proof-of-possession signature");
}

const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };

function publicKeyOf(bytes: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: bytes, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
const SIZES: ReadonlySet<number> = new Set([3072, 4096]);

function unfitKey(key: KeyObject, at: string, shown: unknown, curves: string): FieldError | undefined {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return undefined;
    case "ec":
      return CURVES.has(namedCurve) ? undefined : fieldError.invalid(at, `curve ${curveName(namedCurve)}`, curves);
    case "rsa":
      return SIZES.has(modulusLength)
        ? undefined
        : fieldError.invalid(at, `${modulusLength}-bit modulus`, "RSA keys must have modulus size 3072 or 4096");
    default:
      return fieldError.invalid(at, shown, "unknown public key type; supported types are Ed25519, ECDSA, and RSA");
  }
}

function curveName(name: string): string {
  return name === "secp224r1" ? "P-224" : name;
}

interface SigningRequest {
  readonly key: KeyObject;
  /** What is signed. */
  readonly signed: Uint8Array;
  readonly algorithm: DerElement;
  readonly signature: Uint8Array;
}

/** RFC 2986, section 4. @returns undefined for what is none. */
function signingRequestOf(bytes: Buffer): SigningRequest | undefined {
  try {
    const [info, algorithm, bits] = Der.only(bytes).children();
    const [version, subject, spki] = info!.children();
    const isWhole = version!.tag === Der.INTEGER && subject!.tag === Der.SEQUENCE && bits!.tag === Der.BIT_STRING;
    const key = isWhole ? publicKeyOf(Buffer.from(spki!.whole)) : undefined;
    return key && { key, signed: info!.whole, algorithm: algorithm!, signature: bits!.content.subarray(1) };
  } catch {
    return undefined;
  }
}

/** By object identifier; hashes that are broken are none. */
const HASHES: ReadonlyMap<string, string | null> = new Map([
  ["2b6570", null], // Ed25519
  ...["sha256", "sha384", "sha512"].flatMap((hash, index): [string, string][] => [
    [`2a8648ce3d04030${index + 2}`, hash], // ECDSA
    [`2a864886f70d01010${"bcd"[index]}`, hash], // RSA, PKCS #1
    [`60864801650304020${index + 1}`, hash], // by itself, as of RSA-PSS
  ]),
]);
const RSA_PSS = "2a864886f70d01010a";

function isSignature(key: KeyObject, signed: Uint8Array, algorithm: DerElement, signature: Uint8Array): boolean {
  const [identifier, parameters] = algorithm.children();
  const oid = hex(identifier!.content);
  const isPss = oid === RSA_PSS;
  const hash = HASHES.get(isPss ? hashOfPss(parameters) : oid);
  if (hash === undefined) return false;
  return verify(hash, signed, isPss ? { key, ...PSS } : key, signature);
}

/** The hash that the parameters name: RFC 4055, section 3.1. */
function hashOfPss(parameters: DerElement | undefined): string {
  const identifier = parameters?.children()[0]?.children()[0]?.children()[0];
  return identifier === undefined ? "" : hex(identifier.content);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
