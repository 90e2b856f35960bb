import { constants, createHash, createPublicKey, KeyObject, type SignKeyObjectInput, sign, verify } from "node:crypto";
import { TsukubeError } from "@tsukube/foundation";

interface Algorithm {
  /** "rsa", or the curve. */
  readonly of: string;
  readonly hash: string;
  readonly form: Omit<SignKeyObjectInput, "key">;
}

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO };
const EC = { dsaEncoding: "ieee-p1363" } as const;

/** RFC 7518, section 3.1: those with two keys. */
const ALGORITHMS: Readonly<Record<string, Algorithm>> = {
  ES256: { of: "prime256v1", hash: "sha256", form: EC },
  ES384: { of: "secp384r1", hash: "sha384", form: EC },
  ES512: { of: "secp521r1", hash: "sha512", form: EC },
  PS256: { of: "rsa", hash: "sha256", form: PSS },
  PS384: { of: "rsa", hash: "sha384", form: PSS },
  PS512: { of: "rsa", hash: "sha512", form: PSS },
  RS256: { of: "rsa", hash: "sha256", form: PKCS1 },
  RS384: { of: "rsa", hash: "sha384", form: PKCS1 },
  RS512: { of: "rsa", hash: "sha512", form: PKCS1 },
};

/** By which tokens may be signed, in order. */
export const SIGNING_ALGORITHMS: readonly string[] = Object.keys(ALGORITHMS);

/** What ServiceAccount tokens are signed by with a key. */
const USUAL: Readonly<Record<string, string>> = {
  rsa: "RS256",
  prime256v1: "ES256",
  secp384r1: "ES384",
  secp521r1: "ES512",
};

/** A key of tokens: RSA, or of one of NIST's curves. */
export class TokenKey {
  /** By which it signs ServiceAccount tokens. */
  readonly alg: string;
  /** Which key it is, without telling the key. */
  readonly id: string;
  readonly #of: string;
  readonly #publicKey: KeyObject;

  /** @param key PEM of a key or certificate, or a key. @throws {TsukubeError} `usage` for one of another kind. */
  constructor(key: string | KeyObject) {
    this.#publicKey = key instanceof KeyObject && key.type === "public" ? key : createPublicKey(key);
    const { asymmetricKeyType: type, asymmetricKeyDetails } = this.#publicKey;
    const curve = asymmetricKeyDetails?.namedCurve ?? "";
    this.#of = type === "rsa" ? type : curve;
    const alg = USUAL[this.#of];
    if (alg === undefined)
      throw new TsukubeError(
        "usage",
        `Cannot use a key of type ${[type, curve].filter((one) => one !== "").join(" ")}, expected RSA, P-256, P-384 or P-521`,
      );
    this.alg = alg;
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
    const { hash, form } = ALGORITHMS[this.alg]!;
    return sign(hash, Buffer.from(text), { key: privateKey, ...form });
  }

  /** @param alg By which the text is said to be signed: none but those of this key are. */
  verifies(text: string, signature: Uint8Array, alg: string): boolean {
    const algorithm = ALGORITHMS[alg];
    if (algorithm?.of !== this.#of) return false;
    return verify(algorithm.hash, Buffer.from(text), { key: this.#publicKey, ...algorithm.form }, signature);
  }
}
