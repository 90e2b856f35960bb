import { constants, createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { TsukubeError } from "@tsukube/foundation";

interface Algorithm {
  /** RFC 7518, section 3.1. */
  readonly alg: string;
  readonly hash: string;
}

const OF_CURVES: Readonly<Record<string, Algorithm>> = {
  prime256v1: { alg: "ES256", hash: "sha256" },
  secp384r1: { alg: "ES384", hash: "sha384" },
  secp521r1: { alg: "ES512", hash: "sha512" },
};
const OF_RSA: Algorithm = { alg: "RS256", hash: "sha256" };

/** A key of ServiceAccount tokens: RSA, or of one of NIST's curves. */
export class TokenKey {
  readonly alg: string;
  /** Which key it is, without telling the key. */
  readonly id: string;
  readonly #hash: string;
  readonly #publicKey: KeyObject;

  /** @param key PEM of a key or certificate. @throws {TsukubeError} `usage` for one of another kind. */
  constructor(key: string | KeyObject) {
    this.#publicKey = createPublicKey(key);
    const { asymmetricKeyType: type, asymmetricKeyDetails } = this.#publicKey;
    const curve = asymmetricKeyDetails?.namedCurve ?? "";
    const found = type === "rsa" ? OF_RSA : OF_CURVES[curve];
    if (found === undefined)
      throw new TsukubeError(
        "usage",
        `Cannot use a key of type ${[type, curve].filter((one) => one !== "").join(" ")}, expected RSA, P-256, P-384 or P-521`,
      );
    this.alg = found.alg;
    this.#hash = found.hash;
    const der = this.#publicKey.export({ type: "spki", format: "der" });
    this.id = createHash("sha256").update(der).digest("base64url");
  }

  /** JSON Web Key, RFC 7517. */
  get jwk(): object {
    const { kty, crv, x, y, n, e } = this.#publicKey.export({ format: "jwk" });
    const { id: kid, alg } = this;
    return kty === "RSA" ? { use: "sig", kty, kid, alg, n, e } : { use: "sig", kty, kid, crv, alg, x, y };
  }

  sign(text: string, privateKey: KeyObject): Buffer {
    return sign(this.#hash, Buffer.from(text), { key: privateKey, ...FORM });
  }

  verifies(text: string, signature: Uint8Array): boolean {
    return verify(this.#hash, Buffer.from(text), { key: this.#publicKey, ...FORM }, signature);
  }
}

const FORM = { dsaEncoding: "ieee-p1363", padding: constants.RSA_PKCS1_PADDING } as const;
