import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { type Clock, messageOf, TsukubeError } from "@tsukube/foundation";
import { RegistryError } from "../registry-error.ts";
import type { Guard, Scope, Visitor } from "./access.ts";

interface Options {
  /** Where clients get tokens: a URL. */
  readonly realm: string;
  /** How this registry is called there: what a token must be for. */
  readonly service: string;
  /** Who must have issued it. */
  readonly issuer: string;
  /** PEM of a public key or a certificate: what it must be signed with. */
  readonly key: string;
  readonly clock: Clock;
}

interface Claims {
  readonly iss?: unknown;
  readonly aud?: unknown;
  readonly exp?: unknown;
  readonly nbf?: unknown;
  readonly access?: readonly { readonly type?: unknown; readonly name?: unknown; readonly actions?: unknown }[];
}

interface Algorithm {
  readonly hash: string | null;
  readonly padding?: number;
  readonly saltLength?: number;
  readonly dsaEncoding?: "ieee-p1363";
}

/** How clocks may differ. */
const LEEWAY_S = 60;
const PSS_PADDING = 6;

/** Token authentication (distribution, "Token Authentication Specification"): bearer tokens that another server issued, as JWTs. */
export class TokenGuard implements Guard {
  readonly #options: Options;
  readonly #key: KeyObject;

  /** @throws {TsukubeError} `usage` when the key is none, or too weak. */
  constructor(options: Options) {
    this.#options = options;
    try {
      this.#key = createPublicKey(options.key);
    } catch (cause) {
      throw new TsukubeError("usage", "Cannot read the token key: expected PEM of a public key or certificate", {
        cause,
      });
    }
    if (algorithms(this.#key).size === 0)
      throw new TsukubeError(
        "usage",
        `Cannot check tokens with a key of type ${this.#key.asymmetricKeyType}: expected RSA (2048 bits and more), P-256, P-384, P-521 or Ed25519`,
      );
  }

  async admit(authorization: string | undefined, scopes: readonly Scope[]): Promise<Visitor> {
    const [, token] = /^bearer +([\w.-]+)$/i.exec(authorization ?? "") ?? [];
    if (token === undefined) throw this.#refusal(scopes, "it has no token");
    let claims: Claims;
    try {
      claims = this.#check(token);
    } catch (error) {
      throw this.#refusal(scopes, messageOf(error), "invalid_token");
    }
    const visitor: Visitor = { may: (scope) => grants(claims, scope) };
    const [first] = scopes;
    if (first !== undefined && !visitor.may(first))
      throw this.#refusal(scopes, "its token is not for that", "insufficient_scope");
    return visitor;
  }

  #check(token: string): Claims {
    const [header = "", payload = "", signature = "", ...more] = token.split(".");
    if (signature === "" || more.length > 0) throw new Error("its token is no JWT");
    const { alg, crit } = decode(header) as { readonly alg?: unknown; readonly crit?: unknown };
    const algorithm = algorithms(this.#key).get(String(alg));
    if (algorithm === undefined) throw new Error(`its token is signed by ${String(alg)}, which the key is not for`);
    if (crit !== undefined) throw new Error("its token asks for more than is understood here");
    const { hash, ...rest } = algorithm;
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verify(hash, signed, { key: this.#key, ...rest }, Buffer.from(signature, "base64url")))
      throw new Error("its token has another signature");
    return this.#valid(decode(payload) as Claims);
  }

  #valid(claims: Claims): Claims {
    const { clock, issuer, service } = this.#options;
    const now = clock.now() / 1000;
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    if (claims.iss !== issuer) throw new Error(`its token is of issuer "${String(claims.iss)}"`);
    if (!audiences.includes(service)) throw new Error(`its token is for "${audiences.join(", ")}"`);
    if (typeof claims.exp !== "number" || claims.exp + LEEWAY_S <= now) throw new Error("its token has expired");
    if (claims.nbf !== undefined && !(typeof claims.nbf === "number" && claims.nbf - LEEWAY_S <= now))
      throw new Error("its token is not valid yet");
    return claims;
  }

  #refusal(scopes: readonly Scope[], why: string, error?: "invalid_token" | "insufficient_scope"): RegistryError {
    const { realm, service } = this.#options;
    const scope = scopes.map(({ type, name, actions }) => `${type}:${name}:${actions.join(",")}`).join(" ");
    const parameters = {
      realm,
      service,
      ...(scope === "" ? {} : { scope }),
      ...(error === undefined ? {} : { error }),
    };
    const challenge = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
    return new RegistryError(
      "UNAUTHORIZED",
      `Cannot let the request in: ${why}, expected one from ${new URL(realm).origin} for this`,
      { headers: { "www-authenticate": `Bearer ${challenge.join(",")}` } },
    );
  }
}

function decode(part: string): object {
  const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  if (typeof value !== "object" || value === null) throw new Error("its token is no JWT");
  return value;
}

function grants({ access }: Claims, { type, name, actions }: Scope): boolean {
  const mine = (Array.isArray(access) ? access : []).filter((entry) => entry?.type === type && entry.name === name);
  const granted = new Set(mine.flatMap((entry) => (Array.isArray(entry.actions) ? entry.actions : [])));
  return granted.has("*") || actions.every((action) => granted.has(action));
}

/** By the key, never by what the token says alone (RFC 8725, section 3.1). */
function algorithms(key: KeyObject): ReadonlyMap<string, Algorithm> {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa": {
      if ((details.modulusLength ?? 0) < 2048) return new Map();
      const sizes = ["256", "384", "512"] as const;
      const plain = sizes.map((size) => [`RS${size}`, { hash: `sha${size}` }] as const);
      const pss = sizes.map(
        (size) =>
          [
            `PS${size}`,
            { hash: `sha${size}`, padding: PSS_PADDING, saltLength: Number(size) / 8 } as Algorithm,
          ] as const,
      );
      return new Map<string, Algorithm>([...plain, ...pss]);
    }
    case "ec": {
      const [name, size] =
        { prime256v1: ["ES256", 256], secp384r1: ["ES384", 384], secp521r1: ["ES512", 512] }[
          details.namedCurve ?? ""
        ] ?? [];
      if (name === undefined) return new Map();
      return new Map([[String(name), { hash: `sha${size}`, dsaEncoding: "ieee-p1363" }]]);
    }
    case "ed25519":
      return new Map([["EdDSA", { hash: null }]]);
    default:
      return new Map();
  }
}
